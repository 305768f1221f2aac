&[
    (
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport htp -j ACCEPT\nCOMMIT\n",
        "line 3, column 32: expected the number of a port or a range of them, found `htp`\n  -A INPUT -p tcp -m tcp --dport htp -j ACCEPT\n                                 ^^^",
    ),
    (
        "# a remark\n\n*filters\nCOMMIT\n",
        "line 3, column 2: expected `raw`, `mangle`, `nat`, `filter` or `security`, found `filters`\n  *filters\n   ^^^^^^^",
    ),
    (
        "-A INPUT -j DROP\n",
        "line 1, column 1: expected `*` and the name of a table, found `-A`\n  -A INPUT -j DROP\n  ^^",
    ),
    (
        "*filter\n:INPUT ACCEPT [0:0]\n",
        "line 2, column 20: expected `COMMIT` at the end of the table, found the end of the line\n  :INPUT ACCEPT [0:0]\n                     ^",
    ),
    (
        "*filter\n*raw\nCOMMIT\n",
        "line 2, column 1: expected `COMMIT` before the next table, found `*raw`\n  *raw\n  ^^^^",
    ),
    (
        "*filter\nCOMMIT\n*filter\nCOMMIT\n",
        "line 3, column 2: expected a table that the text does not have yet, found `filter`\n  *filter\n   ^^^^^^",
    ),
    (
        "*filter\n:INPUT - [0:0]\nCOMMIT\n",
        "line 2, column 2: expected a name that no built-in chain has, found `INPUT`\n  :INPUT - [0:0]\n   ^^^^^",
    ),
    (
        "*filter\n:MINE ACCEPT [0:0]\nCOMMIT\n",
        "line 2, column 2: expected a built-in chain, as it has a policy, found `MINE`\n  :MINE ACCEPT [0:0]\n   ^^^^",
    ),
    (
        "*filter\n:INPUT REJECT [0:0]\nCOMMIT\n",
        "line 2, column 8: expected `ACCEPT`, `DROP` or `-`, found `REJECT`\n  :INPUT REJECT [0:0]\n         ^^^^^^",
    ),
    (
        "*filter\n:INPUT ACCEPT [0:x]\nCOMMIT\n",
        "line 2, column 15: expected counters as in `[0:0]`, found `[0:x]`\n  :INPUT ACCEPT [0:x]\n                ^^^^^",
    ),
    (
        "*filter\n:A - [0:0]\n:A - [0:0]\nCOMMIT\n",
        "line 3, column 2: expected a chain that the table does not have yet, found `A`\n  :A - [0:0]\n   ^",
    ),
    (
        "*filter\n-A INPUT -j DROP\nCOMMIT\n",
        "line 2, column 4: expected a chain that the table declares, found `INPUT`\n  -A INPUT -j DROP\n     ^^^^^",
    ),
    (
        "*filter\n:INPUT ACCEPT [0:0]\n-I INPUT -j DROP\nCOMMIT\n",
        "line 3, column 1: expected `:`, `-A` or `COMMIT`, as iptables-save writes them, found `-I`\n  -I INPUT -j DROP\n  ^^",
    ),
    (
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT\nCOMMIT\n",
        "line 3, column 1: translating addresses (table nat; see `Iptables::translated`) is not supported\n  -A PREROUTING -p tcp -j REDIRECT\n  ^^",
    ),
    (
        "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate NEW -j DROP\nCOMMIT\n",
        "line 3, column 18: before packets are tracked the match `conntrack` is not supported\n  -A PREROUTING -m conntrack --ctstate NEW -j DROP\n                   ^^^^^^^^^",
    ),
    (
        "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --helper ftp\nCOMMIT\n",
        "line 3, column 21: option `--helper` is not supported\n  -A PREROUTING -j CT --helper ftp\n                      ^^^^^^^^",
    ),
    (
        "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j REJECT\nCOMMIT\n",
        "line 3, column 18: expected `REJECT` in the table filter alone, found `REJECT`\n  -A PREROUTING -j REJECT\n                   ^^^^^^",
    ),
    (
        "*filter\n:INPUT ACCEPT [0:0]\n[5] -A INPUT -j DROP\nCOMMIT\n",
        "line 3, column 1: expected counters as in `[0:0]`, found `[5]`\n  [5] -A INPUT -j DROP\n  ^^^",
    ),
    (
        "*filter extra\nCOMMIT\n",
        "line 1, column 9: expected nothing after the name of the table, found `extra`\n  *filter extra\n          ^^^^^",
    ),
]
