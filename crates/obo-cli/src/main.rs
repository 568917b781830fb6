//! The command `obo`. The library `obo_cli` has its code.

fn main() -> std::process::ExitCode {
    obo_cli::run()
}
