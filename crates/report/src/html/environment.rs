use rumormill_measure::{RunResult, units};

use crate::chart::escape;

/// Where the result was made.
pub(super) fn environment(result: &RunResult) -> String {
    let of = &result.environment;
    let buffer = |bytes: Option<u64>| bytes.map(|bytes| units::bytes(bytes as f64));
    let mut facts = vec![
        ("Processor", Some(format!("{}, {} cores", of.cpu_model, of.cores))),
        ("Memory", Some(units::bytes(of.memory_bytes as f64))),
        ("System", Some(format!("{}, kernel {}", of.os, of.kernel))),
        ("Commit", Some(of.commit.clone())),
        ("Compiler", Some(of.rustc.clone())),
        ("Receive buffer of a socket", buffer(of.socket_receive_buffer_bytes)),
        ("Send buffer of a socket", buffer(of.socket_send_buffer_bytes)),
        ("Crypto", of.crypto_provider.clone()),
        ("Open files", of.open_files_limit.filter(|&most| most < u64::MAX).map(units::count)),
    ];
    if !of.optimised {
        facts.push(("Build", Some("without optimisations: figures of CPU and time are worth little".into())));
    }
    let facts =
        facts.into_iter().filter_map(|(what, value)| Some((what, value.filter(|value| !value.is_empty())?)));
    let list: String = facts
        .map(|(what, value)| format!("<div><dt>{what}</dt><dd>{}</dd></div>\n", escape(&value)))
        .collect();
    format!("<section id=\"environment\">\n<h2>Environment</h2>\n<dl>\n{list}</dl>\n</section>\n")
}
