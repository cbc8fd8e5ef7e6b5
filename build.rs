//! Links the program so that a run keeps less of it in memory: most of what a command takes is the program's own
//! pages.
//!
//! - Code that few commands run is placed apart ([`APART`]). The kernel maps the pages of a file sixteen at a time, so
//!   that a function costs its neighbours too. 0.5 MB (a program that was copied) to 1.0 MB (as it
//!   was linked) less in each command, measured on x86_64 with Linux 6.18.
//! - The relative relocations are packed where the C library can load them: 0.7 MB less (x86_64, glibc 2.36), because
//!   the relocation table is read once at start-up and would stay resident.

#![allow(clippy::print_stdout, reason = "cargo reads a build script's standard output")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// The first glibc that loads packed relocations (its release notes name DT_RELR).
const FIRST: (u32, u32) = (2, 36);

/// Code placed apart, each group together: modules by their paths, and patterns of symbols where a path says too
/// little. Nothing breaks when a name disappears or is missing here; its code is only placed with the rest.
const APART: &[(&str, &[&str])] = &[
    (
        "tls_and_http",
        &[
            "rustls",
            "tokio_rustls",
            "webpki",
            "untrusted",
            "ring",
            "ureq",
            "ureq_proto",
            "http",
            "httparse",
        ],
    ),
    ("assembly", &["=ring_core*", "=.ring_core*", "=__*"]),
    (
        "urls",
        &[
            "url",
            "idna",
            "icu_normalizer",
            "num_bigint",
            "tempfile",
            "signal_hook",
        ],
    ),
    (
        "pictures",
        &[
            "layout",
            "dbtool::schema::diagram",
            "jpeg_encoder",
            "png",
            "fdeflate",
            "miniz_oxide",
            "flate2",
        ],
    ),
    (
        "help",
        &[
            "clap_complete",
            "clap_mangen",
            "roff",
            "clap_builder::output",
            "clap_builder::error",
        ],
    ),
    ("progress", &["indicatif", "console"]),
    ("junit_and_json", &["quick_xml", "erased_serde"]),
    ("random", &["rand", "rand_chacha"]),
    // Of more than twenty values; the regular expressions are the driver's, and small.
    (
        "large_inputs",
        &[
            "core::slice::sort",
            "aho_corasick",
            "=*regex_automata..meta..strategy..Reverse*",
        ],
    ),
    (
        "failures",
        &[
            "gimli",
            "addr2line",
            "backtrace_rs",
            "std::backtrace",
            "=*$RF$T$u20$as$u20$core..fmt..Debug*",
        ],
    ),
    ("numbers", &["core::num::flt2dec", "core::num::dec2flt"]),
    (
        "processes",
        &["std::sys::process", "dbtool::run_command", "dbtool::sandbox"],
    ),
    ("api", &["dbtool::stays::conversations::api"]),
    ("schema_fix", &["dbtool::schema::fix"]),
    ("schema_lint", &["dbtool::schema::lint"]),
    ("schema", &["dbtool::schema"]),
    ("migrate", &["dbtool::migrate"]),
    ("connections", &["dbtool::connections", "dbtool::host_processes"]),
    ("stays", &["dbtool::stays"]),
    ("check_schema", &["dbtool::commands::check_schema"]),
    (
        "create_conversations",
        &["dbtool::commands::create_conversations"],
    ),
    ("test_conversations", &["dbtool::commands::test_conversations"]),
    ("test_image_size", &["dbtool::commands::test_image_size"]),
    ("check_connections", &["dbtool::commands::check_connections"]),
    ("commands", &["dbtool::commands"]),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_glibc = variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    // mold packs relocations without the mark that the C library asks for, and the program would not start; it knows no
    // scripts either.
    if !is_glibc || variable("CARGO_ENCODED_RUSTFLAGS").contains("mold") {
        return;
    }
    if variable("PROFILE") == "release" {
        let script = Path::new(&variable("OUT_DIR")).join("code_apart.ld");
        if std::fs::write(&script, linker_script()).is_ok() {
            println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
        }
    }
    // The version asked for is this machine's, so it says nothing about another target.
    let native = variable("HOST") == variable("TARGET");
    if native && glibc().is_some_and(|version| version >= FIRST) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// A script that adds to the linker's own: the groups of [`APART`], behind all other code.
fn linker_script() -> String {
    let mut script = String::from("SECTIONS\n{\n");
    for (group, members) in APART {
        let _ = writeln!(script, "  .text.apart.{group} :\n  {{");
        for pattern in members.iter().flat_map(|member| patterns(member)) {
            let _ = writeln!(script, "    *(.text.{pattern})");
        }
        script.push_str("  }\n");
    }
    script.push_str("}\nINSERT AFTER .text;\n");
    script
}

/// Patterns of the symbols of a module: `a::b` is `1a1b` in its functions' names, and `a..b..` in those of
/// implementations.
fn patterns(member: &str) -> Vec<String> {
    if let Some(pattern) = member.strip_prefix('=') {
        return vec![pattern.to_owned()];
    }
    let names: Vec<&str> = member.split("::").collect();
    let counted: String = names.iter().map(|name| format!("{}{name}", name.len())).collect();
    vec![format!("*{counted}*"), format!("*{}..*", names.join(".."))]
}

/// This machine's glibc, from `getconf`: "glibc 2.36".
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
