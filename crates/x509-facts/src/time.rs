//! Dates: seconds since 1970, the two ASN.1 forms of RFC 5280 §4.1.2.5, and RFC 3339 text.
//!
//! The calendar is the proleptic Gregorian one, without leap seconds, as in POSIX.

use core::fmt;
use core::str::FromStr;

use crate::error::{CertificateError, Fault};
use crate::reader::{Cursor, GENERALIZED_TIME, Tlv, UTC_TIME};

const DAY: i64 = 86_400;
/// Days from 0000-01-01 to 1970-01-01.
const EPOCH: i64 = 719_528;

/// The dates between which a certificate is good, both included (RFC 5280 §4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Validity {
    /// First second of validity.
    pub not_before: Timestamp,
    /// Last second of validity.
    pub not_after: Timestamp,
}

impl Validity {
    /// Whether `now` lies within, the two limits included.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    pub(crate) fn read(element: &Tlv<'_>) -> Result<Self, CertificateError> {
        let mut fields = element.inner();
        let not_before = read_time(&mut fields)?;
        let not_after = read_time(&mut fields)?;
        fields.finish()?;
        Ok(Self {
            not_before,
            not_after,
        })
    }
}

fn read_time(fields: &mut Cursor<'_>) -> Result<Timestamp, CertificateError> {
    let element = fields.any()?;
    let time = match element.tag {
        UTC_TIME => utc_time(element.value),
        GENERALIZED_TIME => generalized_time(element.value),
        _ => return Err(element.error(Fault::Tag)),
    };
    time.ok_or_else(|| element.error(Fault::Value))
}

/// `YYMMDDHHMMSSZ`; years 50 to 99 are 19YY (RFC 5280 §4.1.2.5.1).
fn utc_time(text: &[u8]) -> Option<Timestamp> {
    let (year, rest) = digits::<2>(text)?;
    let century = if year < 50 { 2000 } else { 1900 };
    date_and_time(century + year, rest)
}

/// `YYYYMMDDHHMMSSZ`. Years that UTCTime should have written are read as well.
fn generalized_time(text: &[u8]) -> Option<Timestamp> {
    let (year, rest) = digits::<4>(text)?;
    date_and_time(year, rest)
}

fn date_and_time(year: u16, text: &[u8]) -> Option<Timestamp> {
    let (month, text) = two_digits(text)?;
    let (day, text) = two_digits(text)?;
    let (hour, text) = two_digits(text)?;
    let (minute, text) = two_digits(text)?;
    let (second, text) = two_digits(text)?;
    if text != b"Z" {
        return None;
    }
    Timestamp::from_civil(Civil {
        year: year.into(),
        month,
        day,
        hour,
        minute,
        second,
    })
}

/// `N` decimal digits, `N` ≤ 4, and what follows.
fn digits<const N: usize>(text: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = text.split_first_chunk::<N>()?;
    let value = head.iter().try_fold(0_u16, |value, octet| {
        octet
            .is_ascii_digit()
            .then(|| value * 10 + u16::from(octet - b'0'))
    })?;
    Some((value, rest))
}

fn two_digits(text: &[u8]) -> Option<(u8, &[u8])> {
    let (value, rest) = digits::<2>(text)?;
    Some((u8::try_from(value).ok()?, rest))
}

/// Seconds since 1970-01-01T00:00:00Z.
///
/// `Display` and `FromStr` speak RFC 3339: `2026-01-01T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since 1970.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// From a date and time in UTC; `None` if there is no such day or second, or the year is not in
    /// 0..=9999.
    #[must_use]
    pub fn from_civil(civil: Civil) -> Option<Self> {
        if !(0..=9999).contains(&civil.year) || !(1..=12).contains(&civil.month) {
            return None;
        }
        if civil.hour > 23 || civil.minute > 59 || civil.second > 59 {
            return None;
        }
        let months = month_lengths(civil.year);
        let earlier = usize::from(civil.month - 1);
        if civil.day == 0 || civil.day > *months.get(earlier)? {
            return None;
        }
        let days = first_day_of(civil.year)
            + months
                .iter()
                .take(earlier)
                .copied()
                .map(i64::from)
                .sum::<i64>()
            + i64::from(civil.day - 1)
            - EPOCH;
        let minutes = i64::from(civil.hour) * 60 + i64::from(civil.minute);
        Some(Self(days * DAY + minutes * 60 + i64::from(civil.second)))
    }

    /// As date and time in UTC.
    #[must_use]
    pub fn civil(self) -> Civil {
        let day_number = self.0.div_euclid(DAY) + EPOCH;
        // 400 years have 146,097 days; the estimate is off by one year at most.
        let mut year = (day_number * 400).div_euclid(146_097);
        while first_day_of(year) > day_number {
            year -= 1;
        }
        while first_day_of(year + 1) <= day_number {
            year += 1;
        }

        let mut left = day_number - first_day_of(year);
        let mut month = 1;
        for length in month_lengths(year).map(i64::from) {
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }

        let second = self.0.rem_euclid(DAY);
        // Each value is below 60; the conversion cannot fail.
        let small = |value: i64| u8::try_from(value).unwrap_or(0);
        Civil {
            year,
            month,
            day: small(left + 1),
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
        }
    }

    /// Reads `2026-01-01T00:00:00Z`.
    ///
    /// As RFC 3339 §5.6 has it: `t` and `z` may be small, `T` may be a space, a fraction of a second is
    /// dropped, an offset such as `+08:00` may stand in place of `Z`. A leap second is refused.
    ///
    /// # Errors
    ///
    /// [`TimestampError`] distinguishes text that is not a date from a date that does not exist.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let (civil, offset) = rfc3339(text.as_bytes()).ok_or(TimestampError::Syntax)?;
        let local = Self::from_civil(civil).ok_or(TimestampError::Range)?;
        let offset = offset.ok_or(TimestampError::Range)?;
        Ok(Self(local.0 - offset))
    }
}

/// Date, time and offset in seconds; the inner `None` is an offset of a day or more.
fn rfc3339(text: &[u8]) -> Option<(Civil, Option<i64>)> {
    let (year, text) = digits::<4>(text)?;
    let (month, text) = two_digits(text.strip_prefix(b"-")?)?;
    let (day, text) = two_digits(text.strip_prefix(b"-")?)?;
    let (b'T' | b't' | b' ', text) = text.split_first()? else {
        return None;
    };
    let (hour, text) = two_digits(text)?;
    let (minute, text) = two_digits(text.strip_prefix(b":")?)?;
    let (second, mut text) = two_digits(text.strip_prefix(b":")?)?;
    if let Some(fraction) = text.strip_prefix(b".") {
        let end = fraction.iter().position(|octet| !octet.is_ascii_digit())?;
        text = fraction.get(end..).filter(|_| end > 0)?;
    }
    let offset = match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let (hours, offset) = two_digits(offset)?;
            let (minutes, offset) = two_digits(offset.strip_prefix(b":")?)?;
            if !offset.is_empty() {
                return None;
            }
            let seconds = (i64::from(hours) * 60 + i64::from(minutes)) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    let civil = Civil {
        year: year.into(),
        month,
        day,
        hour,
        minute,
        second,
    };
    Some((civil, offset))
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse_rfc3339(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.civil();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// A date and time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Civil {
    /// Year; 0 is the year before 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

/// Why text is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TimestampError {
    /// Not of the form `2026-01-01T00:00:00Z`.
    Syntax,
    /// No such day, time of day or offset.
    Range,
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a date and time like 2026-01-01T00:00:00Z",
            Self::Range => "no such date or time of day",
        })
    }
}

impl core::error::Error for TimestampError {}

/// Days from 0000-01-01 to the first of January of `year`.
const fn first_day_of(year: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) + 1;
    year * 365 + leap_days
}

const fn month_lengths(year: i64) -> [u8; 12] {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests;
