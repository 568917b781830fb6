#![no_main]

libfuzzer_sys::fuzz_target!(|input: obo_fuzz::www_authenticate_build::Input| {
    obo_fuzz::www_authenticate_build::run(input)
});
