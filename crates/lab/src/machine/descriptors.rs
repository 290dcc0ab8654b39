/// How many file descriptors this process may hold now, and up to how many it may allow itself; `u64::MAX` where
/// there is no limit. Every real node takes one.
#[cfg(unix)]
pub(crate) fn descriptor_limit() -> Option<(u64, u64)> {
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Nofile);
    Some((limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX)))
}

/// Allows this process as many file descriptors as it may allow itself, and returns how many it may hold from
/// now on. Where the system refuses, that is what it was.
#[cfg(unix)]
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let maximum = getrlimit(Resource::Nofile).maximum;
    // What counts is what is granted, and that is read back.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    descriptor_limit().map(|(soft, _)| soft)
}

/// Unknown on this system.
#[cfg(not(unix))]
pub(crate) fn descriptor_limit() -> Option<(u64, u64)> {
    None
}

/// Unknown on this system, and left as it is.
#[cfg(not(unix))]
pub fn raise_descriptor_limit() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    /// The limits as `/proc/self/limits` shows them.
    fn shown() -> (u64, u64) {
        let limits = fs::read_to_string("/proc/self/limits").expect("Linux has it");
        let line =
            limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("Linux limits it");
        let mut numbers = line.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX));
        (numbers.next().expect("soft"), numbers.next().expect("hard"))
    }

    #[test]
    fn raising_reaches_the_hard_limit_and_the_kernel_shows_the_same() {
        assert_eq!(descriptor_limit(), Some(shown()));
        let hard = shown().1;
        assert_eq!(raise_descriptor_limit(), Some(hard));
        assert_eq!(descriptor_limit(), Some((hard, hard)));
        assert_eq!(shown(), (hard, hard));
    }
}
