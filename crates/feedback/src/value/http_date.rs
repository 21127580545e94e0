//! HTTP dates, in the three forms of RFC 9110, 5.6.7.

use tollgate_core::Timestamp;

use super::civil::{digits, is_weekday, month, time, year_of, Civil};

/// The instant of an HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`, or as RFC 850 and C's `asctime()`
/// had it. The day of the week has to be one, and not the right one. A year of two digits is the
/// last one that ends so and is not more than 50 years after `answered`.
pub(crate) fn http_date(text: &str, answered: Timestamp) -> Option<Timestamp> {
    let mut words = [""; 6];
    let mut count = 0;
    for word in text.split_ascii_whitespace() {
        *words.get_mut(count)? = word;
        count += 1;
    }
    match &words[..count] {
        [weekday, day, name, year, at, "GMT"] => {
            let date = weekday.strip_suffix(',').filter(|it| is_weekday(it));
            date.and(civil(digits(year, 4)?, name, digits(day, 2)?, at))?
                .instant(0)
        }
        [weekday, date, at, "GMT"] => {
            let date_follows = weekday.strip_suffix(',').is_some_and(is_weekday);
            rfc_850(date, at, answered).filter(|_| date_follows)
        }
        [weekday, name, day, at, year] if is_weekday(weekday) => {
            let day = digits(day, 2).or_else(|| digits(day, 1))?;
            civil(digits(year, 4)?, name, day, at)?.instant(0)
        }
        _ => None,
    }
}

/// `06-Nov-94`.
fn rfc_850(date: &str, at: &str, answered: Timestamp) -> Option<Timestamp> {
    let mut parts = date.splitn(3, '-');
    let (day, name, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (day, ending) = (digits(day, 2)?, digits(year, 2)?);
    let latest = year_of(answered) + 50;
    let year = latest - (latest - ending).rem_euclid(100);
    let date = civil(year, name, day, at)?;
    let instant = date.instant(0);
    // In the last of those years, the date itself may be more than 50 years away.
    let away = year == latest && instant.is_some_and(|it| it > in_50_years(answered));
    if away {
        let year = year - 100;
        return Civil { year, ..date }.instant(0);
    }
    instant
}

/// As many days later as 50 years have at least.
fn in_50_years(instant: Timestamp) -> Timestamp {
    const FIFTY_YEARS: u64 = (50 * 365 + 12) * 86_400_000;
    Timestamp::from_millis(instant.as_millis() + FIFTY_YEARS)
}

fn civil(year: i64, name: &str, day: i64, at: &str) -> Option<Civil> {
    Some(Civil {
        year,
        month: month(name)?,
        day,
        time: time(at)?,
    })
}
