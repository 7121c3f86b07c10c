//! What may stand behind a chunk's size: any number of `;name`, `;name=value` and `;name="quoted value"` (RFC 9112
//! §7.1.1). None means anything to us, but a lenient reader and a strict one would disagree over where the line ends.

/// Where in the extensions we are. Each takes one byte to the next by [`step`](Self::step).
///
/// ```text
///                  ┌────────────────────── ; ──────────────────────┐
///   ──▶ Gap ──;──▶ Start ──▶ Name ──=──▶ Equals ──▶ Token ─────────┤
///                  ▲          │ blank      │ "                     │
///                  └─── ; ─ Named          └──▶ Quoted ──"──▶ End ─┤
///                             │ =                │  ▲            ▼
///                             └──▶ Equals       \▼  │           Gap
///                                              Escaped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkExtension {
    /// Blanks, behind which only `;` may come.
    Gap,
    /// After `;`.
    Start,
    Name,
    /// Blanks after a name.
    Named,
    /// After `=`.
    Equals,
    Token,
    Quoted,
    /// After a backslash in a quoted value.
    Escaped,
    /// After the quote that ends a value.
    End,
}

impl ChunkExtension {
    /// What comes after a chunk's size, unless it is the end of the line.
    pub(super) fn begin(byte: u8) -> Option<ChunkExtension> {
        ChunkExtension::Gap.step(byte)
    }

    /// One byte more. `None`: it can't stand here.
    pub(super) fn step(self, byte: u8) -> Option<ChunkExtension> {
        use ChunkExtension::{End, Equals, Escaped, Gap, Name, Named, Quoted, Start, Token};
        Some(match (self, byte) {
            (Gap | Name | Named | Token | End, b';') => Start,
            (Gap | Token | End, b' ' | b'\t') => Gap,
            (Start | Equals, b' ' | b'\t') => self,
            (Name | Named, b' ' | b'\t') => Named,
            (Name | Named, b'=') => Equals,
            (Equals, b'"') => Quoted,
            (Quoted, b'"') => End,
            (Quoted, b'\\') => Escaped,
            (Quoted | Escaped, _) if is_text(byte) => Quoted,
            (Start | Name, _) if is_token(byte) => Name,
            (Equals | Token, _) if is_token(byte) => Token,
            _ => return None,
        })
    }

    /// Whether the line may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, ChunkExtension::Name | ChunkExtension::Token | ChunkExtension::End)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// No control characters but the tab (RFC 9110 §5.6.4; quotes and backslashes have been looked at before).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_extension(text: &str) -> bool {
        let mut bytes = text.bytes();
        let first = bytes.next().and_then(ChunkExtension::begin);
        bytes.fold(first, |state, byte| state?.step(byte)).is_some_and(ChunkExtension::is_whole)
    }

    #[test]
    fn extensions() {
        for text in [
            ";a",
            " ;a",
            "\t \t;\t a",
            ";a=b",
            ";a = b",
            ";a= b;c",
            ";a=b ;c",
            ";a;b;c",
            r#";a="""#,
            r#";a="b;c=d""#,
            r#";a="\"\\";b"#,
            ";a=\"\t é\"",
            r#";a="b" ;c"#,
            ";!#$%&'*+-.^_`|~09=x",
        ] {
            assert!(is_extension(text), "{text:?}");
        }
    }

    #[test]
    fn no_extensions() {
        for text in [
            ";",
            " ",
            "; ",
            ";;a",
            ";a;",
            ";=b",
            ";a=",
            ";a= ",
            ";a ",
            ";a=b ",
            ";bad[=x",
            ";a=b[",
            ";a=b c",
            ";a b",
            r#";a=""#,
            r#";a="b"#,
            r#";a="b\"#,
            r#";a="b"c"#,
            r#";a=b"c""#,
            r#";"a""#,
            ",a",
            "a",
            "=a",
            ";a=\"\u{7f}\"",
            ";a=\"\0\"",
            ";é",
            ";a=é",
            r#";a="b" "#,
        ] {
            assert!(!is_extension(text), "{text:?}");
        }
    }
}
