//! JSON that some readers take and others don't.
//!
//! Much of what clients send is kept and handed on as it came: keys, messages from device to device. serde passes over
//! what it needn't understand, so text with half a surrogate pair, or a number beyond every float, would get through to
//! somebody else's client, which can then read nothing of the answer that holds it. Such a body is refused for all endpoints.

use super::Error;

/// So many digits can't be beyond every float without an exponent.
const HARMLESS_DIGITS: usize = 300;

/// Refuses a body with a string that is not Unicode or a number that is beyond every float. What else is wrong with it
/// is for its reader to say.
///
/// # Errors
/// `M_BAD_JSON`
pub fn check_values(body: &[u8]) -> Result<(), Error> {
    let mut rest = body;
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => string(behind)?,
            b'-' | b'0'..=b'9' => number(rest)?,
            _ => behind,
        };
    }
    Ok(())
}

/// Goes through a string from behind its first quote; returns what comes behind the last.
fn string(mut rest: &[u8]) -> Result<&[u8], Error> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'u', behind @ ..] => {
                let (unit, behind) = code_unit(behind);
                match unit {
                    Some(0xd800..=0xdbff) => match behind {
                        [b'\\', b'u', second @ ..] => match code_unit(second) {
                            (Some(0xdc00..=0xdfff), behind) => behind,
                            _ => return Err(half_a_pair()),
                        },
                        _ => return Err(half_a_pair()),
                    },
                    Some(0xdc00..=0xdfff) => return Err(half_a_pair()),
                    _ => behind,
                }
            }
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
            [] => return Ok(rest),
        };
    }
}

/// The four hexadecimal digits of an escape, if there are four, and what comes behind them.
fn code_unit(bytes: &[u8]) -> (Option<u16>, &[u8]) {
    let Some((digits, behind)) = bytes.split_first_chunk::<4>() else { return (None, bytes) };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return (None, bytes);
    }
    let unit = str::from_utf8(digits).ok().and_then(|digits| u16::from_str_radix(digits, 16).ok());
    (unit, behind)
}

fn half_a_pair() -> Error {
    Error::bad_json("A string in the body is not Unicode: it has one half of a surrogate pair.")
}

/// Goes through a number; returns what comes behind it.
fn number(bytes: &[u8]) -> Result<&[u8], Error> {
    let length = bytes
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        .unwrap_or(bytes.len());
    let (digits, behind) = bytes.split_at(length);
    let harmless = length < HARMLESS_DIGITS && !digits.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let value = if harmless { None } else { str::from_utf8(digits).ok().and_then(|digits| digits.parse::<f64>().ok()) };
    if value.is_some_and(f64::is_infinite) {
        return Err(Error::bad_json("A number in the body is too large for any reader."));
    }
    Ok(behind)
}

#[cfg(test)]
mod tests {
    use super::check_values;

    #[test]
    fn what_every_reader_takes_passes() {
        for good in [
            r#"{"a":"\ud83d\ude00 \u00e4 \\ud800 \"","b":[1,-2.5e3,1e308,0.1e-999],"c":""}"#,
            // No JSON at all is for the reader to refuse.
            r#"{"a":"\u12"#,
            r#""\"#,
            "\\ud800",
            "--e.+",
            "",
        ] {
            assert!(check_values(good.as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_refused_wherever_it_stands() {
        for bad in [
            r#"{"a":"\ud800"}"#,
            r#"{"\udc00":1}"#,
            r#"["\ud800\ud800\udc00"]"#,
            r#"["\ud800\n"]"#,
            r#"["\ud800 \udc00"]"#,
            r#"["\ud800\u00e4"]"#,
            r#"["\\\ud800"]"#,
            r#"["\uDBFF"#,
        ] {
            assert!(check_values(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_beyond_every_float_is_refused() {
        for bad in ["{\"a\":1e309}".to_owned(), "[-1E+400]".to_owned(), format!("[1{}]", "0".repeat(400))] {
            assert!(check_values(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
