#![no_main]

libfuzzer_sys::fuzz_target!(|input: obo_fuzz::layer_with_mock_idp::Input| {
    obo_fuzz::layer_with_mock_idp::run(input)
});
