#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| obo_fuzz::received_challenge::run(bytes));
