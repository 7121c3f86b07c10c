//! Rust text as the rules see it: comments and literals blanked, lines kept, so that a rule meets only what is compiled.

use std::ops::Range;

/// `text` with comments, strings and characters turned into spaces; every line keeps its number and length in bytes.
pub(crate) fn code(text: &str) -> String {
    let mut code = text.to_owned();
    let mut at = 0;
    while at < text.len() {
        match prose(text, at) {
            Some(len) => {
                blank(&mut code, at..at + len);
                at += len;
            }
            None => at += 1,
        }
    }
    code
}

/// [`code`] without the items under `#[cfg(test)]`.
pub(crate) fn shipped(text: &str) -> String {
    let mut code = code(text);
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(").map(|at| from + at) {
        let len = code[start..].find(']').map_or(code.len() - start, |at| at + 1);
        from = start + len;
        let attribute = &code[start..from];
        if !lines_with(attribute, "test").is_empty() && !attribute.contains("not(test") {
            let end = from + item(&code[from..]);
            blank(&mut code, start..end);
        }
    }
    code
}

/// The lines (from 1) on which `name` stands in `code` as a whole word or path; one for each time.
pub(crate) fn lines_with(code: &str, name: &str) -> Vec<usize> {
    let whole =
        |&(at, _): &(usize, &str)| !code[..at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word);
    let line = |(at, _)| line_of(code, at);
    code.match_indices(name).filter(whole).map(line).collect()
}

/// The line (from 1) that holds byte `at`.
pub(crate) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blank(code: &mut String, range: Range<usize>) {
    let blanked: String = code[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    code.replace_range(range, &blanked);
}

/// The length of the comment or literal that begins at `at`, if one does.
fn prose(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        let before = text[..at].trim_end_matches('#');
        let raw = before.ends_with('r').then(|| "#".repeat(at - before.len()));
        return Some(string(rest, raw.as_deref()));
    }
    // A quote begins a character if another closes it; otherwise it begins a lifetime.
    let mut chars = rest.strip_prefix('\'')?.chars();
    match chars.next()? {
        '\\' => Some(rest[3..].find('\'')? + 4),
        c => (chars.next()? == '\'').then(|| c.len_utf8() + 2),
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(next) = text.get(at..) {
        if next.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if next.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += next.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string at the start of `text`; `raw` holds the hashes of a raw one.
fn string(text: &str, raw: Option<&str>) -> usize {
    if let Some(hashes) = raw {
        let end = format!("\"{hashes}");
        return text[1..].find(&end).map_or(text.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the item at the start of `code`: through its `;` or the brace that closes it.
fn item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(byte, b'}' | b';') {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_blanked() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* /* b */ \n */ c", "a            \n    c"),
        (r#"a("b\"c")"#, "a(      )"),
        (r##"r#"a"b"#;"##, "r#      ;"),
        ("'a' '\\'' '\\u{1F}' 'ä' &'a str", "                     &'a str"),
    ];
    for (text, expected) in cases {
        let blanked = code(text);
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
        assert_eq!(blanked.len(), text.len(), "{text}");
        assert_eq!(blanked.lines().count(), text.lines().count(), "{text}");
    }
}

#[test]
fn tests_are_not_shipped() {
    let text =
        "fn a() {}\n#[cfg(all(test, unix))]\nmod tests { fn b() {} }\n#[cfg(test)] use c;\n#[cfg(not(test))] fn d() {}";
    let words: Vec<String> = shipped(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words.join(" "), "fn a() {} #[cfg(not(test))] fn d() {}");
}
