//! Customer-minted tokens: thousands of sessions without thousands of calls to the backend.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longer than any suite.
const LIFE_SECONDS: i64 = 6 * 3_600;

/// Mints HS256 tokens of one app.
#[derive(Debug)]
pub(crate) struct Minter {
    app: String,
    key: hmac::Key,
    now: i64,
}

impl Minter {
    /// `server_key` is the whole key string.
    pub(crate) fn new(app: &str, server_key: &str, now: i64) -> Self {
        Self {
            app: app.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, server_key.as_bytes()),
            now,
        }
    }

    pub(crate) fn mint(&self, user: &str) -> String {
        self.mint_on(user, "bench")
    }

    /// For another device than everybody else's.
    pub(crate) fn mint_on(&self, user: &str, device: &str) -> String {
        let claims = serde_json::json!({
            "app": self.app,
            "sub": user,
            "device": device,
            "iat": self.now,
            "exp": self.now + LIFE_SECONDS,
        });
        let mut token = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let signature = hmac::sign(&self.key, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_its_signature_covers_the_first_two() {
        let minter = Minter::new("app_1", "snug_sk_1", 1_000);
        let token = minter.mint("u1");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"snug_sk_1");
        assert!(hmac::verify(&key, signed.as_bytes(), &signature).is_ok());
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "u1");
        assert_eq!(claims["exp"], 1_000 + LIFE_SECONDS);
    }
}
