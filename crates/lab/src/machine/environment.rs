use std::{
    env::consts::{ARCH, OS},
    fs, thread,
};

use rumormill_measure::Environment;

use super::{descriptor_limit, proc};

/// What this program and its machine are. The commit is the binary's to fill in, socket buffers and the crypto provider
/// are the cluster's.
pub fn environment() -> Environment {
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: unknown(),
        rustc: env!("RUMORMILL_RUSTC").to_owned(),
        optimised: env!("RUMORMILL_OPTIMISED") == "true",
        os: format!("{OS} {ARCH}"),
        kernel: read("/proc/sys/kernel/osrelease").map_or_else(unknown, |release| release.trim().to_owned()),
        cpu_model: read("/proc/cpuinfo")
            .and_then(|cpuinfo| proc::cpu_model(&cpuinfo).map(str::to_owned))
            .unwrap_or_else(unknown),
        cores: thread::available_parallelism()
            .map_or(0, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_bytes: read("/proc/meminfo")
            .and_then(|meminfo| proc::field(&meminfo, "MemTotal"))
            .map_or(0, |kib| kib * 1_024),
        open_files_limit: descriptor_limit().map(|(soft, _)| soft),
        socket_receive_buffer_bytes: None,
        socket_send_buffer_bytes: None,
        crypto_provider: None,
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_knows_its_compiler() {
        assert!(environment().rustc.starts_with("rustc "), "{:?}", environment().rustc);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_says_what_the_machine_is() {
        let environment = environment();
        assert!(environment.cores > 0 && environment.memory_bytes > 1 << 20, "{environment:?}");
        assert!(environment.kernel.starts_with(|first: char| first.is_ascii_digit()), "{environment:?}");
    }
}
