#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| obo_fuzz::compact_jws::run(bytes));
