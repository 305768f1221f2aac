use std::fmt::Write;

use portcullis::rule::TextError;
use portcullis::{Rule, RuleSet};

/// A text, where its error is, and what the message says after the place, up to the line shown.
type Case = (&'static str, (usize, usize), &'static str);

const CASES: &[Case] = include!("errors/cases.rs");

#[test]
fn every_error_says_what_and_where() {
    let mut wrong = String::new();
    for (text, (line, column), message) in CASES {
        let found = match text.parse::<RuleSet>() {
            Ok(rules) => format!("no error: {rules}"),
            Err(error) => first_line(&error),
        };
        let expected = format!("line {line}, column {column}: {message}");
        if found != expected {
            writeln!(wrong, "{text:?}\n   {found}\nnot {expected}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn first_line(error: &TextError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn shown(text: &str) -> String {
    text.parse::<RuleSet>().unwrap_err().to_string()
}

#[test]
fn the_line_is_shown_with_a_caret() {
    let text = "# a remark\n\naccept tcp from any to any port htp # web\n";
    let expected = "\
line 3, column 33: expected a port or a range of ports, found `htp`
  accept tcp from any to any port htp # web
                                  ^^^";
    assert_eq!(shown(text), expected);
}

#[test]
fn accessors_say_what_the_message_says() {
    let error = "accept any\n accept state establishd".parse::<RuleSet>().unwrap_err();
    assert_eq!((error.line(), error.column()), (2, 15));
    assert_eq!(error.source_line(), " accept state establishd");
    assert_eq!(error.expected(), "`new`, `established`, `related`, `invalid` or `untracked`");
    assert_eq!(error.found(), "`establishd`");
    assert_eq!(error.suggestion(), Some("established"));
    let error: Box<dyn std::error::Error> = Box::new(error);
    assert!(error.source().is_none());
}

/// The lines below the message.
fn excerpt(text: &str) -> String {
    shown(text).split_once('\n').unwrap().1.to_owned()
}

#[test]
fn the_caret_stands_where_a_terminal_shows_the_place() {
    assert_eq!(excerpt("\tdrop\tx"), "  \tdrop\tx\n  \t    \t^");
    assert_eq!(excerpt("drop in é,日本,𝕏 x"), "  drop in é,日本,𝕏 x\n                   ^");
    assert_eq!(excerpt("drop in e\u{301} x"), "  drop in e\u{301} x\n            ^");
    assert_eq!(excerpt("drop 日本"), "  drop 日本\n       ^^^^");
    assert_eq!(excerpt("drop"), "  drop\n      ^");
    assert_eq!(excerpt("drop # x"), "  drop # x\n       ^");
}

#[test]
fn what_would_move_the_cursor_is_not_printed() {
    let shown = shown("accept x\u{202e} \u{1b}[2J\r");
    assert_eq!(
        shown,
        "line 1, column 8: expected a criterion such as `tcp`, `from`, `to` or `state`, found `x`
  accept x\u{fffd} \u{fffd}[2J\u{fffd}
         ^"
    );
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let text = format!("accept to any port {}x,{}", "1,".repeat(5_000), "2,".repeat(5_000));
    let shown = shown(&text);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("line 1, column 10020: "), "{}", lines[0]);
    assert!(lines[1].starts_with("  ...,1,1") && lines[1].ends_with("2,2,..."), "{}", lines[1]);
    assert!(lines.iter().all(|line| line.chars().count() < 160), "{shown}");
    assert_eq!(lines[1].find('x'), lines[2].find('^'));
    let word = "y".repeat(1_000);
    let error = format!("accept {word}").parse::<RuleSet>().unwrap_err();
    assert_eq!(error.found(), format!("`{}...`", "y".repeat(40)));
    assert!(error.to_string().len() < 500, "{error}");
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    let error = "\r\n# x\r\n\naccept\r\n".parse::<RuleSet>().unwrap_err();
    assert_eq!((error.line(), error.column(), error.source_line()), (4, 7, "accept"));
}

#[test]
fn one_rule_alone() {
    for (text, (line, column), expected) in [
        ("", (1, 1), "a rule"),
        ("# nothing\n\n", (1, 1), "a rule"),
        ("default drop", (1, 1), "a rule"),
        ("\nchain a", (2, 1), "a rule"),
        ("jump a any", (1, 6), "a rule without jump or goto, as there are no chains"),
        ("goto a tcp", (1, 6), "a rule without jump or goto, as there are no chains"),
        ("accept any\n\ndrop any", (3, 1), "nothing after the rule"),
        ("accept any\n\"", (2, 2), "a closing `\"`"),
    ] {
        let error = text.parse::<Rule>().unwrap_err();
        assert_eq!((error.line(), error.column(), error.expected()), (line, column, expected));
    }
    let rule: Rule = "\n# here\n  accept tcp # it is\n\n".parse().unwrap();
    assert_eq!(rule, Rule::accept().tcp());
    assert_eq!("return any".parse::<Rule>().unwrap(), Rule::return_());
}
