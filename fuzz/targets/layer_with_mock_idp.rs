#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| obo_fuzz::layer_with_mock_idp::run(bytes));
