//! Generates the gRPC client and server of `proto/stock.proto`, without an installed protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["proto/stock.proto"], ["proto"])?;
    tonic_prost_build::configure()
        // ServiceA and ServiceC send the same messages as JSON.
        .type_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]")
        .compile_fds(files)?;
    println!("cargo::rerun-if-changed=proto/stock.proto");
    Ok(())
}
