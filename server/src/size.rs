//! Sizes as people write them: `64KiB`.

use std::fmt;
use std::str::FromStr;

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = SizeError;

    /// Takes a whole number with `B`, `KiB`, `MiB`, `GiB` or no unit, which is bytes.
    fn from_str(text: &str) -> Result<Size, SizeError> {
        let unit = UNITS.iter().find_map(|&(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        // `parse` alone would take a sign.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SizeError);
        }
        let number: u64 = number.parse().map_err(|_| SizeError)?;
        number.checked_mul(bytes).map(Size).ok_or(SizeError)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.copied().unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// The text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeError;

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size is a whole number and a unit (B, KiB, MiB or GiB), such as 64KiB")
    }
}

impl std::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, bytes) in
            [("0B", 0), ("1B", 1), ("1023B", 1023), ("64KiB", 65_536), ("1MiB", 1 << 20), ("3GiB", 3 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), text);
        }
        assert_eq!("4096".parse(), Ok(Size(4096)));
    }

    #[test]
    fn nothing_else_is_a_size() {
        for text in
            ["", "KiB", "+1KiB", "-1", "1 KiB", "1kb", "1.5MiB", "64k", "99999999999GiB", "99999999999999999999"]
        {
            assert_eq!(text.parse::<Size>(), Err(SizeError), "{text}");
        }
    }
}
