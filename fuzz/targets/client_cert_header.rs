#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| obo_fuzz::client_cert_header::run(bytes));
