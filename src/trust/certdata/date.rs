//! The dates of CKA_NSS_SERVER_DISTRUST_AFTER and its e-mail twin: UTCTime as certificates have it (RFC 5280 4.1.2.5.1).

use crate::moment;

/// YYMMDDHHMMSSZ as Unix seconds.
pub fn parse(octets: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(octets).ok()?.strip_suffix('Z')?;
    if digits.len() != 12 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let part = |index: usize| digits.get(2 * index..2 * index + 2).unwrap_or_default();
    let century = if part(0) < "50" { "20" } else { "19" };
    let date = format!("{century}{}-{}-{}", part(0), part(1), part(2));
    moment::parse(&format!("{date}T{}:{}:{}Z", part(3), part(4), part(5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_date_of_the_calendar_is_one() {
        assert_eq!(parse(b"241130235959Z").map(moment::text).as_deref(), Some("2024-11-30T23:59:59Z"));
        assert_eq!(parse(b"500101000000Z").map(moment::text).as_deref(), Some("1950-01-01T00:00:00Z"));
        for wrong in [
            &b""[..],
            b"Z",
            b"2411302359Z",
            b"241130235959",
            b"241330235959Z",
            b"240230000000Z",
            b"20241130235959Z",
            b"24113023595-Z",
        ] {
            assert_eq!(parse(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }
}
