//! Signatures after the Standard Webhooks specification, checked by other code than the server's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether one of the signatures is this secret's.
pub(crate) fn is_signed(
    secret: &str,
    (id, timestamp): (&str, &str),
    body: &[u8],
    signature: &str,
) -> bool {
    let key = secret.strip_prefix("whsec_").expect("the prefix");
    let key = STANDARD.decode(key).expect("base64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    signature.split(' ').any(|signature| {
        let signature = signature.strip_prefix("v1,").expect("version 1");
        let signature = STANDARD.decode(signature).expect("base64");
        aws_lc_rs::hmac::verify(&key, &signed, &signature).is_ok()
    })
}
