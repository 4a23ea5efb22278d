//! The times in certificates: as Unix seconds to reckon with, and as text that sorts. They never depend on this
//! machine's clock or time zone.

use std::sync::OnceLock;

use openssl::asn1::{Asn1Time, Asn1TimeRef};

const DAY: i64 = 86_400;

/// A certificate's time as Unix seconds; `None` where it is not one.
pub fn unix_seconds(time: &Asn1TimeRef) -> Option<i64> {
    let difference = epoch()?.diff(time).ok()?;
    Some(i64::from(difference.days) * DAY + i64::from(difference.secs))
}

fn epoch() -> Option<&'static Asn1TimeRef> {
    static EPOCH: OnceLock<Asn1Time> = OnceLock::new();
    if EPOCH.get().is_none() {
        // Without memory there is none this time.
        let _ = EPOCH.set(Asn1Time::from_unix(0).ok()?);
    }
    EPOCH.get().map(AsRef::as_ref)
}

/// Unix seconds as `2024-11-30T23:59:59Z` (RFC 3339).
pub fn text(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(days))
}

/// The moment of a text as [`text`] writes it.
pub fn parse(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    // What is no moment, such as the 30th of February, comes back as another one.
    (self::text(seconds) == text).then_some(seconds)
}

/// The moment of an ASN.1 time in the form that certificates and CRLs must have (RFC 5280 4.1.2.5), read at little cost.
/// `None` for any other form, and for a day or second that the calendar does not have.
pub fn of_digits(time: &[u8]) -> Option<i64> {
    let (digits, pairs) = match time {
        [digits @ .., b'Z'] if matches!(digits.len(), 12 | 14) => (digits, digits.len() / 2),
        _ => return None,
    };
    let mut numbers = [0i64; 7];
    for (number, pair) in numbers[7 - pairs..].iter_mut().zip(digits.chunks_exact(2)) {
        if !pair.iter().all(u8::is_ascii_digit) {
            return None;
        }
        *number = i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0');
    }
    let [century, year, month, day, hour, minute, second] = numbers;
    // A UTCTime's two digits stand for 1950 to 2049.
    let century = match pairs {
        7 => century,
        _ if year < 50 => 20,
        _ => 19,
    };
    let year = century * 100 + year;
    let is_real = (1..=last_day(year, month)).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_real.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// The last day of a month; 0 where there is no such month.
fn last_day(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// The days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, as in `date`.
    let (month, year) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day, counted from 1970-01-01, in the Gregorian calendar.
fn date(days: i64) -> String {
    // Counted from 0000-03-01, so that a leap day is the last day of its year; 400 years are 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is month 0; five months have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year_of_era + carry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificates_time_becomes_unix_seconds() {
        let time = Asn1Time::from_unix(1_700_000_000).unwrap();
        assert_eq!(unix_seconds(&time), Some(1_700_000_000));
    }

    #[test]
    fn seconds_become_the_date_that_openssl_reads_back() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59Z");
        for days in (-7_000..110_000).step_by(13) {
            let seconds = days * DAY + 3_661;
            let generalized = text(seconds).replace(['-', ':', 'T'], "");
            let read = Asn1Time::from_str(&generalized).unwrap();
            assert_eq!(unix_seconds(&read), Some(seconds), "{generalized}");
            assert_eq!(of_digits(generalized.as_bytes()), Some(seconds), "{generalized}");
            if (-631_152_000..2_524_608_000).contains(&seconds) {
                assert_eq!(of_digits(&generalized.as_bytes()[2..]), Some(seconds), "{generalized}");
            }
            assert_eq!(parse(&text(seconds)), Some(seconds));
        }
    }

    #[test]
    fn what_is_no_moment_of_the_calendar_is_not_read() {
        assert_eq!(parse("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        for wrong in [
            "",
            "2024-02-29",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "+024-01-01T00:00:00Z",
            "2024-01-\u{e9}1T00:00:00Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_other_form_of_a_time_is_read_by_its_digits_and_no_day_that_does_not_exist() {
        assert_eq!(of_digits(b"240229235959Z"), Some(1_709_251_199));
        assert_eq!(of_digits(b"20241231235959Z"), Some(1_735_689_599));
        for wrong in [
            "", "Z", "240101000000", "240101000000+0000", "24010100000Z", "20240101000000.5Z", "2401010000x0Z",
            "230229000000Z", "240001000000Z", "241301000000Z", "240100000000Z", "240431000000Z", "241232000000Z",
            "240101240000Z", "240101006000Z", "240101000060Z",
        ] {
            assert_eq!(of_digits(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
