//! The details of a gRPC status: a `google.rpc.Status` that holds one `google.rpc.ErrorInfo`, in
//! protobuf's wire format.
//!
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>. All
//! fields but one are length-delimited, so this code is shorter than generated code and needs no
//! protobuf compiler.

const TYPE: &str = "type.googleapis.com/google.rpc.ErrorInfo";
/// The domain that defines the reasons.
const DOMAIN: &str = "obo";

/// The maximum size of the metadata, in bytes: many gRPC peers accept only 8 KiB of headers, and
/// the challenge repeats the metadata.
const MAX_METADATA: usize = 1024;

/// Encodes `grpc-status-details-bin`. Metadata that is too long is omitted.
pub(crate) fn encode(
    code: u8,
    message: &str,
    reason: &str,
    metadata: &[(&'static str, String)],
) -> Vec<u8> {
    let mut info = Vec::new();
    put(&mut info, 1, reason.to_ascii_uppercase().as_bytes());
    put(&mut info, 2, DOMAIN.as_bytes());
    let length: usize = metadata.iter().map(|(_, value)| value.len()).sum();
    for (name, value) in metadata.iter().filter(|_| length <= MAX_METADATA) {
        let mut entry = Vec::new();
        put(&mut entry, 1, name.as_bytes());
        put(&mut entry, 2, value.as_bytes());
        put(&mut info, 3, &entry);
    }
    let mut any = Vec::new();
    put(&mut any, 1, TYPE.as_bytes());
    put(&mut any, 2, &info);
    // The code is a varint. Those of gRPC fit into one byte.
    let mut status = vec![1 << 3, code];
    put(&mut status, 2, message.as_bytes());
    put(&mut status, 3, &any);
    status
}

/// Adds a length-delimited field.
fn put(to: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    to.push(field << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend(bytes);
}
