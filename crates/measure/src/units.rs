//! Figures as people read them: 3 significant digits and a unit that fits. Results for machines hold base units.

/// Bytes in decimal multiples: `57.0 B`, `1.23 kB`, `4.00 MB`.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1_000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes per second: `1.23 kB/s`.
pub fn bytes_per_second(rate: f64) -> String {
    bytes(rate) + "/s"
}

/// Bytes per second as a link's load in bits: `9.84 kbit/s`.
pub fn bits_per_second(bytes_per_second: f64) -> String {
    scaled(bytes_per_second * 8.0, 1_000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

/// Microseconds as a time: `85.0 µs`, `1.23 ms`, `61.4 s`.
pub fn duration_us(us: u64) -> String {
    scaled(us as f64, 1_000.0, &["µs", "ms", "s"])
}

/// Seconds as a time: `0 s`, `1.50 s`, `30.0 s`.
pub fn seconds(seconds: f64) -> String {
    scaled(seconds, 1_000.0, &["s"])
}

/// A count with its thousands set apart: `12,345`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share from 0 to 1 as `12.3 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// A bare figure, to 3 significant digits and at most 3 decimals; from 1,000 up all its whole digits.
pub fn significant(value: f64) -> String {
    // The bounds are where rounding itself adds a digit: 9.996 is 10.0, not 10.00.
    let decimals = match value.abs() {
        0.0 => return "0".to_owned(),
        small if small < 0.9995 => 3,
        ones if ones < 9.995 => 2,
        tens if tens < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// The value in the largest unit that leaves at least 1 before the point; units are `step` apart.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    // 999.6 would round to four digits, so it already belongs to the next unit.
    while value.abs() >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    format!("{} {}", significant(value), units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_carry_three_digits_and_the_unit_that_fits() {
        for (value, text) in [
            (0.0, "0 B"),
            (0.25, "0.250 B"),
            (57.0, "57.0 B"),
            (999.4, "999 B"),
            (999.6, "1.00 kB"),
            (1_234.0, "1.23 kB"),
            (9_996.0, "10.0 kB"),
            (99_960.0, "100 kB"),
            (2.5e6, "2.50 MB"),
            (-42.0, "-42.0 B"),
            (3.2e18, "3200 PB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn a_byte_is_eight_bits() {
        assert_eq!(bits_per_second(125_000.0), "1.00 Mbit/s");
        assert_eq!(bytes_per_second(125_000.0), "125 kB/s");
    }

    #[test]
    fn times_go_from_microseconds_to_seconds_and_no_further() {
        for (us, text) in [
            (0, "0 µs"),
            (85, "85.0 µs"),
            (1_234, "1.23 ms"),
            (999_900, "1.00 s"),
            (90_000_000, "90.0 s"),
            (7_200_000_000, "7200 s"),
        ] {
            assert_eq!(duration_us(us), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(percent(0.1234), "12.3 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0004), "0.040 %");
    }
}
