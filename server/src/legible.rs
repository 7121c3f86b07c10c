//! Log lines that show what they are: no character in them moves the cursor, turns the direction of a text, ends a line
//! or hides. Strangers choose paths and agents, and a log is read in terminals and editors.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// How a character that doesn't show is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// `\u{202e}`.
    Text {
        /// Whether the line has colours, which are escape sequences as well.
        colours: bool,
    },
    /// `\u202e`, which JSON's readers take back. Such a character stands nowhere but in strings.
    Json,
}

/// Passes on lines, one a call, as `tracing_subscriber` writes them.
#[derive(Debug)]
pub(crate) struct LegibleWriter<W> {
    pub(crate) inner: W,
    pub(crate) notation: Notation,
}

impl<W: Write> Write for LegibleWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.inner.write_all(&self.notation.apply(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Notation {
    fn apply(self, line: &[u8]) -> Cow<'_, [u8]> {
        let (content, end) = match line {
            [content @ .., b'\n'] => (content, "\n"),
            content => (content, ""),
        };
        if content.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Cow::Borrowed(line);
        }
        let content = String::from_utf8_lossy(content);
        let mut legible = String::with_capacity(content.len() + 64);
        let mut rest = content.chars();
        while let Some(c) = rest.next() {
            if is_legible(c) || (c == '\x1b' && self.has_colours() && begins_with_colour(rest.as_str())) {
                legible.push(c);
            } else {
                self.push_escape(&mut legible, c);
            }
        }
        legible.push_str(end);
        Cow::Owned(legible.into_bytes())
    }

    fn has_colours(self) -> bool {
        self == Notation::Text { colours: true }
    }

    fn push_escape(self, legible: &mut String, c: char) {
        match self {
            Notation::Text { .. } => legible.extend(c.escape_unicode()),
            Notation::Json => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(legible, "\\u{unit:04x}").expect("a String takes what it is given");
                }
            }
        }
    }
}

/// What comes after the escape character of `ESC [ 2 m`. What a stranger sent has none left: values are escaped before
/// colours are added.
fn begins_with_colour(text: &str) -> bool {
    let parameters =
        text.strip_prefix('[').map(|text| text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
    parameters.is_some_and(|text| text.starts_with('m'))
}

/// Controls (Unicode category Cc), separators of lines and paragraphs (Zl, Zp), and format characters (Cf) are not.
fn is_legible(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Notation = Notation::Text { colours: false };
    const COLOURS: Notation = Notation::Text { colours: true };

    fn written(notation: Notation, line: &str) -> String {
        let mut writer = LegibleWriter { inner: Vec::new(), notation };
        assert_eq!(writer.write(line.as_bytes()).unwrap(), line.len());
        String::from_utf8(writer.inner).unwrap()
    }

    #[test]
    fn what_shows_stays() {
        for line in ["", "\n", "plain {}\\u{1b}\n", "café ไทย 🐕 e\u{301} עברית\n"] {
            for notation in [TEXT, COLOURS, Notation::Json] {
                assert_eq!(written(notation, line), line);
            }
        }
    }

    #[test]
    fn what_does_not_show_is_spelt_out() {
        assert_eq!(written(TEXT, "a\tb\rc\nd\x1b[2J\x7f\u{9b}\n"), "a\\u{9}b\\u{d}c\\u{a}d\\u{1b}[2J\\u{7f}\\u{9b}\n");
        for c in ['\u{ad}', '\u{200b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}'] {
            assert_eq!(written(TEXT, &format!("a{c}b")), format!("a{}b", c.escape_unicode()));
        }
    }

    #[test]
    fn json_stays_the_json_it_was() {
        let text = "\u{7f}\u{85}\u{9b}\u{2028}\u{202e}\u{feff}\u{e0041}é\"\\\n";
        let line = format!("{}\n", serde_json::to_string(text).unwrap());
        let written = written(Notation::Json, &line);
        assert_eq!(written, "\"\\u007f\\u0085\\u009b\\u2028\\u202e\\ufeff\\udb40\\udc41é\\\"\\\\\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn colours_pass_where_there_are_some() {
        let line = "\x1b[2m\x1b[1;32m INFO\x1b[0m a\x1b[2Jb\x1b]0;c\x1b\n";
        assert_eq!(written(COLOURS, line), "\x1b[2m\x1b[1;32m INFO\x1b[0m a\\u{1b}[2Jb\\u{1b}]0;c\\u{1b}\n");
        assert!(!written(TEXT, line).contains('\x1b'));
    }
}
