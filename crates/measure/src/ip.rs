use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of IP that carries the nodes' packets; in files the number 4 or 6.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(extend("enum" = [4, 6]))]
pub enum IpVersion {
    /// Of every result that does not say.
    #[default]
    V4,
    /// Its headers are 20 bytes longer.
    V6,
}

impl IpVersion {
    /// Bytes of UDP and IP headers around each UDP payload.
    pub const fn header_bytes(self) -> u64 {
        match self {
            Self::V4 => 28,
            Self::V6 => 48,
        }
    }

    /// The version of an address; of one that only maps IPv4 into IPv6 it is 4.
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The address by which a host reaches itself.
    pub const fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// The address that stands for all of a host's.
    pub const fn any(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Self::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

impl TryFrom<u8> for IpVersion {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            4 => Ok(Self::V4),
            6 => Ok(Self::V6),
            other => Err(format!("IP has no version {other}, only 4 and 6")),
        }
    }
}

impl From<IpVersion> for u8 {
    fn from(version: IpVersion) -> Self {
        match version {
            IpVersion::V4 => 4,
            IpVersion::V6 => 6,
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IPv{}", u8::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_as_its_number_and_no_other_is_read() {
        for (version, number, address) in [(IpVersion::V4, "4", "127.0.0.1"), (IpVersion::V6, "6", "::1")] {
            assert_eq!(serde_json::to_string(&version).expect("a number"), number);
            assert_eq!(serde_json::from_str::<IpVersion>(number).expect("a version"), version);
            assert_eq!(version.loopback().to_string(), address);
            assert_eq!([version.loopback(), version.any()].map(IpVersion::of), [version; 2]);
            assert_eq!(version.to_string(), format!("IPv{number}"));
        }
        assert!(serde_json::from_str::<IpVersion>("5").is_err());
        assert_eq!(IpVersion::of("::ffff:10.0.0.1".parse().expect("a literal address")), IpVersion::V4);
    }
}
