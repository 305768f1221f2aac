use portcullis::import::aws::{Addresses, AttachError, NetworkAcls, SecurityGroups};

const GROUPS: &str = include_str!("../../../data/aws/several-groups.json");
const ACLS: &str = include_str!("../../../data/aws/custom-acl.json");

#[track_caller]
fn group_error(from: &str, to: &str) -> String {
    assert!(GROUPS.contains(from), "{from}");
    SecurityGroups::from_json(&GROUPS.replacen(from, to, 1)).unwrap_err().to_string()
}

#[track_caller]
fn acl_error(from: &str, to: &str) -> String {
    assert!(ACLS.contains(from), "{from}");
    NetworkAcls::from_json(&ACLS.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_groups_and_where() {
    let first = "$.SecurityGroups[0].IpPermissions[0]";
    let cases = [
        ("\"FromPort\": 80", "\"FromPort\": 81", format!("{first}: expected a range of ports, found 81 to 80")),
        ("\"FromPort\": 80", "\"FromPort\": -1", format!("{first}: expected a range of ports, found -1 to 80")),
        ("\"ToPort\": 80", "\"ToPort\": 65536", format!("{first}: expected a range of ports, found 80 to 65536")),
        ("\"FromPort\": 80,", "", format!("{first}: the field `FromPort` is missing")),
        ("\"FromPort\": 80", "\"FromPort\": \"80\"", format!("{first}.FromPort: expected a number, found `80`")),
        ("\"FromPort\": 80", "\"FromPort\": 80.5", format!("{first}.FromPort: expected a number, found 80.5")),
        ("\"tcp\"", "\"tpc\"", format!("{first}: expected a protocol's name or number, found `tpc`")),
        ("\"tcp\"", "\"256\"", format!("{first}: expected a protocol's name or number, found `256`")),
        ("0.0.0.0/0", "0.0.0.0/33", format!("{first}.IpRanges[0].CidrIp: expected an IPv4 prefix, found `0.0.0.0/33`")),
        ("0.0.0.0/0", "::/0", format!("{first}.IpRanges[0].CidrIp: expected an IPv4 prefix, found `::/0`")),
        ("\"IpRanges\"", "\"IpRangez\"", format!("{first}.IpRangez: this field is not supported")),
        ("\"GroupId\": \"sg-0web\"", "\"GroupId\": 7", "$.SecurityGroups[0].GroupId: expected a string, found 7".into()),
        ("\"GroupId\": \"sg-0web\",", "", "$.SecurityGroups[0]: the field `GroupId` is missing".into()),
        ("\"SecurityGroups\":", "\"NextToken\": \"eyJ\", \"SecurityGroups\":",
            "$.NextToken: this is one page of several; describe without --max-items and --max-results".into()),
    ];
    for (from, to, expected) in cases {
        assert_eq!(group_error(from, to), expected, "{from} {to}");
    }
}

#[test]
fn types_and_codes_that_make_no_sense() {
    let place = "$.SecurityGroups[2].IpPermissions[0]";
    let cases = [
        ("\"FromPort\": 8,", "\"FromPort\": 256,", "expected an ICMP type, -1 to 255, found 256"),
        ("\"FromPort\": 8,", "\"FromPort\": -2,", "expected an ICMP type, -1 to 255, found -2"),
    ];
    for (from, to, expected) in cases {
        assert_eq!(group_error(from, to), format!("{place}: {expected}"));
    }
    let pair = "\"FromPort\": 3,\n                    \"ToPort\": 4";
    let place = "$.SecurityGroups[2].IpPermissions[1]";
    let all = group_error(pair, "\"FromPort\": -1, \"ToPort\": 4");
    assert_eq!(all, format!("{place}: all types (-1) with one code; the code has to be -1, too"));
    let code = group_error(pair, "\"FromPort\": 3, \"ToPort\": 400");
    assert_eq!(code, format!("{place}: expected an ICMP code, -1 to 255, found 400"));
    let none = group_error(
        "\"IpProtocol\": \"udp\",\n                    \"FromPort\": 0,\n                    \"ToPort\": 65535,",
        "\"IpProtocol\": \"udp\",",
    );
    assert_eq!(none, "$.SecurityGroups[2].IpPermissions[4]: `udp` needs FromPort and ToPort");
}

#[test]
fn what_is_wrong_with_acls_and_where() {
    let first = "$.NetworkAcls[0].Entries[0]";
    let cases = [
        (
            "\"RuleNumber\": 140",
            "\"RuleNumber\": 0",
            format!("{first}.RuleNumber: expected the number of an entry, 1 to 32768, found 0"),
        ),
        (
            "\"RuleNumber\": 140",
            "\"RuleNumber\": 100",
            "$.NetworkAcls[0].Entries[1].RuleNumber: the number 100 comes twice in one direction"
                .into(),
        ),
        (
            "\"RuleAction\": \"allow\"",
            "\"RuleAction\": \"permit\"",
            format!("{first}.RuleAction: expected `allow` or `deny`, found `permit`"),
        ),
        (
            "\"Egress\": false",
            "\"Egress\": 0",
            format!("{first}.Egress: expected true or false, found 0"),
        ),
        (
            "\"CidrBlock\": \"0.0.0.0/0\",",
            "",
            format!("{first}: neither CidrBlock nor Ipv6CidrBlock"),
        ),
        (
            "\"CidrBlock\":",
            "\"Ipv6CidrBlock\": \"::/0\", \"CidrBlock\":",
            format!("{first}: both CidrBlock and Ipv6CidrBlock"),
        ),
        (
            "\"From\": 32768",
            "\"From\": 70000",
            format!("{first}: expected a range of ports, found 70000 to 65535"),
        ),
        (
            "\"From\": 32768",
            "\"Form\": 32768",
            format!("{first}.PortRange.Form: this field is not supported"),
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(acl_error(from, to), expected, "{from} {to}");
    }
    let star = acl_error(
        "\"deny\",\n                    \"RuleNumber\": 32767",
        "\"allow\", \"RuleNumber\": 32767",
    );
    assert!(star.ends_with(".RuleAction: the entry `*` cannot allow"), "{star}");
}

#[test]
fn text_that_is_no_such_document() {
    let read = |text: &str| SecurityGroups::from_json(text).unwrap_err().to_string();
    assert_eq!(read("{\n  \"SecurityGroups\" []\n}"), "line 2, column 20: expected `:`");
    assert_eq!(read(""), "line 1, column 0: EOF while parsing a value");
    assert_eq!(read("[]"), "$: expected an object, found a list");
    assert_eq!(read("{}"), "$: the field `SecurityGroups` is missing");
    assert_eq!(read("{\"NetworkAcls\": []}"), "$.NetworkAcls: this field is not supported");
    let twice = "{\"SecurityGroups\": [], \"SecurityGroups\": []}";
    assert!(read(twice).contains("the field `SecurityGroups` comes twice"), "{}", read(twice));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&deep).contains("recursion limit exceeded"), "{}", read(&deep));
    let error = SecurityGroups::from_json("{\"SecurityGroups\": [7]}").unwrap_err();
    assert_eq!(
        (error.place(), error.message()),
        ("$.SecurityGroups[0]", "expected an object, found 7")
    );
    assert!(!error.is_unsupported());
}

#[test]
fn references_that_nobody_knows() {
    let groups = SecurityGroups::from_json(GROUPS).unwrap();
    let attach = |ids: &[&str], addresses: &Addresses| {
        groups.attach(ids.iter().copied(), addresses).unwrap_err()
    };
    let error = attach(&["sg-0web"], &Addresses::new());
    assert_eq!(
        error.to_string(),
        "sg-0web refers to the security group sg-0db, whose addresses are not known; add them with Addresses::group"
    );
    assert!(matches!(error, AttachError::UnknownReference(_)));
    let half = Addresses::new().group("sg-0db", []);
    assert_eq!(
        attach(&["sg-0web"], &half).to_string(),
        "sg-0web refers to the prefix list pl-6da54004, whose entries are not known; add them with Addresses::prefix_list"
    );
    assert_eq!(attach(&["sg-0"], &half).to_string(), "there is no security group sg-0");
}
