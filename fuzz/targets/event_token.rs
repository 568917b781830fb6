#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| obo_fuzz::event_token::run(bytes));
