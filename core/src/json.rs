//! What little JSON is written here.

use std::fmt::Write;

/// Writes a string (RFC 8259 §7), which has no line end in it.
pub(crate) fn push_string(json: &mut String, text: impl IntoIterator<Item = char>) {
    json.push('"');
    for character in text {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_control() => {
                write!(json, "\\u{:04x}", u32::from(control)).expect("a string takes everything");
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}
