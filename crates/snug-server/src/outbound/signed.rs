//! Calls that are signed after the Standard Webhooks specification.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use snug_core::ids::AppId;
use snug_core::ports::OutboundRequest;

/// A POST of JSON to an app's endpoint, signed with each secret at a time in seconds.
#[must_use]
pub fn signed_post(
    app: &AppId,
    url: &str,
    secrets: &[Vec<u8>],
    (id, seconds): (&str, i64),
    body: Vec<u8>,
) -> OutboundRequest {
    let signed = signatures(secrets, id, seconds, &body);
    let mut request = OutboundRequest::post_json(app, url, body);
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signed),
    ] {
        request.headers.push((name.to_owned(), value));
    }
    request
}

/// `v1,<base64>` for each secret, the newest first.
fn signatures(secrets: &[Vec<u8>], id: &str, seconds: i64, body: &[u8]) -> String {
    let sign = |secret: &Vec<u8>| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_specifications_example_is_signed_so() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signatures(std::slice::from_ref(&secret), id, 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = signatures(&[b"new".to_vec(), secret], id, 1_614_265_330, body);
        assert_eq!(two.split(' ').count(), 2);
        assert!(two.ends_with(&signed));
    }
}
