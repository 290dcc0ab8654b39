use std::{fmt, str::FromStr, time::Duration};

use rumormill_measure::IpVersion;
use serde::{Deserialize, Serialize};

use super::duration;

/// `[network]`: what packets meet between any two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSettings {
    /// The version of IP that they go by.
    pub ip: IpVersion,
    /// How long a packet takes at least, one way.
    #[serde(with = "duration")]
    pub latency: Duration,
    /// How much longer it takes at most; drawn evenly for each packet.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// The share of packets that are lost, from 0 to 1.
    pub loss: f64,
    /// How many packets are lost in a row, on average; 1 when each is lost or not by itself.
    pub burst: f64,
    /// How fast a node can send.
    pub rate: Rate,
    /// The share of packets that later ones may overtake, from 0 to 1.
    pub reorder: f64,
    /// The share of packets that arrive twice, from 0 to 1.
    pub duplicate: f64,
}

/// How fast something is sent: `"none"` where nothing limits it, or a whole number of bits a second with its unit,
/// such as `"512kbit"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// The limit, if there is one; at least 1,000.
    pub bits_per_second: Option<u64>,
}

/// From the smallest to the largest.
const UNITS: [(&str, u64); 3] = [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];

/// A thousand gigabits a second.
const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;

impl Rate {
    /// What a [`Rate`] looks like in a scenario.
    pub(super) const WANTED: &str = "\"none\" or a rate from \"1kbit\" to \"1000gbit\", such as \"10mbit\"";
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        let read = || {
            let (unit, factor) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(factor).filter(|bits| (1..=BITS_PER_SECOND_MAX).contains(bits))
        };
        let bits = read().ok_or_else(|| format!("not {}", Self::WANTED))?;
        Ok(Self { bits_per_second: Some(bits) })
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bits) = self.bits_per_second else { return f.write_str("none") };
        let (unit, factor) =
            UNITS.into_iter().rev().find(|(_, factor)| bits.is_multiple_of(*factor)).unwrap_or(("bit", 1));
        write!(f, "{}{unit}", bits / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_in_its_largest_unit() {
        for (text, bits, printed) in [
            ("none", None, "none"),
            ("512kbit", Some(512_000), "512kbit"),
            ("10 mbit", Some(10_000_000), "10mbit"),
            ("3000kbit", Some(3_000_000), "3mbit"),
            ("1000gbit", Some(1_000_000_000_000), "1000gbit"),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.bits_per_second, rate.to_string().as_str()), (bits, printed));
            assert_eq!(printed.parse(), Ok(rate));
        }
        for text in
            ["", "10", "0kbit", "-1mbit", "1.5mbit", "10MB", "mbit", "1001gbit", "99999999999999999999gbit"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
