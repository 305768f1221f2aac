#!/usr/bin/env python3
"""What a Linux kernel does with packets under a rule set of nftables.

Run in a network namespace of its own (`unshare -n`, or `unshare -rn`). Standard input is JSON: the
rule set as nft reads it, and packets as [interface, hexadecimal]. `lan0` leads to 10.0.0.0/8 and
2001:db8::/64, `wan0` to everything else. Standard output is JSON: the listing that `nft -j` prints,
and for each packet "accept", "drop" or "reject" with how.
"""
import fcntl
import json
import os
import re
import select
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def sysctl(path, value):
    try:
        with open("/proc/sys/net/" + path, "w") as file:
            file.write(value)
    except OSError:
        pass


def run(*command, text=None):
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: {result.stderr}")
    return result.stdout


def load(rules):
    """Loads the rules without those that nft refuses, as they contradict themselves."""
    lines = rules.split("\n")
    while True:
        result = subprocess.run(["nft", "-f", "-"], input="\n".join(lines), capture_output=True, text=True)
        if result.returncode == 0:
            return
        place = re.match(r"/dev/stdin:(\d+):", result.stderr)
        if not place or not lines[int(place[1]) - 1]:
            sys.exit(result.stderr)
        lines[int(place[1]) - 1] = ""


def ends(packet):
    return (packet[12:16], packet[16:20]) if packet[0] >> 4 == 4 else (packet[8:24], packet[24:40])


def kind(packet):
    v4 = packet[0] >> 4 == 4
    header = (packet[0] & 15) * 4 if v4 else 40
    protocol = packet[9] if v4 else packet[6]
    return "tcp-reset" if protocol == 6 else f"{packet[header]}/{packet[header + 1]}"


def verdict(fds, way, sent):
    os.write(fds[way], sent)
    src, dst = ends(sent)
    for wait in (0, 0.001, 0.002):
        for fd in select.select(list(fds.values()), [], [], wait)[0]:
            while True:
                try:
                    got = os.read(fd, 65536)
                except BlockingIOError:
                    break
                if fd != fds[way] and ends(got) == (src, dst):
                    return "accept"
                if fd == fds[way] and ends(got)[1] == src:
                    return "reject " + kind(got)
    return "drop"


def main():
    request = json.load(sys.stdin)
    fds = {name: tun(name) for name in ("lan0", "wan0")}
    sysctl("ipv6/conf/all/accept_dad", "0")
    sysctl("ipv6/conf/default/accept_dad", "0")
    for name, v4, v6 in (("lan0", "10.255.0.1", "2001:db8::ff"), ("wan0", "192.0.2.254", "2001:db8:1::ff")):
        sysctl(f"ipv6/conf/{name}/accept_dad", "0")
        sysctl(f"ipv4/conf/{name}/rp_filter", "0")
        run("ip", "link", "set", name, "up")
        run("ip", "addr", "add", v4 + "/32", "dev", name)
        run("ip", "-6", "addr", "add", v6 + "/128", "dev", name, "nodad")
    run("ip", "route", "add", "10.0.0.0/8", "dev", "lan0")
    run("ip", "route", "add", "default", "dev", "wan0")
    run("ip", "-6", "route", "add", "2001:db8::/64", "dev", "lan0")
    run("ip", "-6", "route", "add", "default", "dev", "wan0")
    for path, value in (
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/ip_forward", "1"),
        ("ipv6/conf/all/forwarding", "1"),
        ("ipv4/icmp_ratelimit", "0"),
        ("ipv4/icmp_msgs_per_sec", "1000000"),
        ("ipv4/icmp_msgs_burst", "1000000"),
        ("ipv6/icmp/ratelimit", "0"),
    ):
        sysctl(path, value)
    load(request["rules"])
    listing = run("nft", "-j", "list", "ruleset")
    verdicts = [verdict(fds, way, bytes.fromhex(packet)) for way, packet in request["packets"]]
    json.dump({"listing": listing, "verdicts": verdicts}, sys.stdout)


main()
