//! Customers' JWTs and signatures. Times are checked by the engine, against its own clock.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::model::{CustomJson, PublicKey, TokenAlgorithm};
use snug_core::ports::{MintedClaims, MintedTokens, UnverifiedToken};

/// JWTs by HS256, RS256, ES256 and EdDSA (Ed25519).
#[derive(Debug, Clone, Copy, Default)]
pub struct Jwts;

/// The app is named by `app`, or is the audience: many an issuer adds no claim of its own.
#[derive(Deserialize)]
struct Named {
    app: Option<AppId>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Named {
    fn app(self) -> Option<AppId> {
        let audience = || match self.aud? {
            Audience::One(one) => AppId::new(&one).ok(),
            Audience::Many(many) => many.iter().find_map(|one| AppId::new(one).ok()),
        };
        self.app.or_else(audience)
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    device: Option<String>,
    iat: Option<f64>,
    nbf: Option<f64>,
    name: Option<String>,
    avatar: Option<String>,
    custom: Option<Box<RawValue>>,
}

impl MintedTokens for Jwts {
    fn peek(&self, token: &str) -> Option<UnverifiedToken> {
        let read = jsonwebtoken::dangerous::insecure_decode::<Named>(token).ok()?;
        let algorithm = match read.header.alg {
            Algorithm::HS256 => TokenAlgorithm::Hs256,
            Algorithm::RS256 => TokenAlgorithm::Rs256,
            Algorithm::ES256 => TokenAlgorithm::Es256,
            Algorithm::EdDSA => TokenAlgorithm::EdDsa,
            _ => return None,
        };
        Some(UnverifiedToken { app: read.claims.app()?, key: read.header.kid, algorithm })
    }

    fn verify(&self, token: &str, secret: &[u8]) -> Option<MintedClaims> {
        checked(token, Algorithm::HS256, &DecodingKey::from_secret(secret))
    }

    fn verify_public(&self, token: &str, key: &PublicKey) -> Option<MintedClaims> {
        let algorithm = match key.algorithm {
            TokenAlgorithm::Hs256 => return None,
            TokenAlgorithm::Rs256 => Algorithm::RS256,
            TokenAlgorithm::Es256 => Algorithm::ES256,
            TokenAlgorithm::EdDsa => Algorithm::EdDSA,
        };
        checked(token, algorithm, &decoding_key(key)?)
    }

    fn payload(&self, token: &str, key: &PublicKey) -> Option<String> {
        if key.algorithm != TokenAlgorithm::Rs256 {
            return None;
        }
        let rules = lenient(Algorithm::RS256);
        let read = jsonwebtoken::decode::<Value>(token, &decoding_key(key)?, &rules).ok()?;
        Some(read.claims.to_string())
    }

    fn read_keys(&self, text: &str) -> Result<Vec<PublicKey>, String> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err("a public key; this is a private one, which belongs to you".to_owned());
        }
        let keys = if text.starts_with('{') { from_json(text)? } else { from_pem(text) };
        if keys.is_empty() {
            let expected = "an RSA (2048 bits or more), P-256 or Ed25519 public key as PEM \
                            (BEGIN PUBLIC KEY), JWK or JWK set";
            return Err(expected.to_owned());
        }
        Ok(keys)
    }

    fn signed(&self, secret: &[u8], text: &[u8], signature: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::verify(&key, text, signature).is_ok()
    }
}

fn checked(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<MintedClaims> {
    let claims = jsonwebtoken::decode::<Claims>(token, key, &lenient(algorithm)).ok()?.claims;
    let custom = match claims.custom {
        Some(raw) => Some(CustomJson::new(raw, limits::SESSION_CUSTOM_BYTES_MAX).ok()?),
        None => None,
    };
    // A date that is there and makes no sense is no reason to let the token in.
    let issued_at = claims.iat.map(|at| seconds(at).ok_or(())).transpose().ok()?;
    let not_before = claims.nbf.map(|at| seconds(at).ok_or(())).transpose().ok()?;
    Some(MintedClaims {
        subject: claims.sub,
        device: claims.device,
        expires_at: seconds(claims.exp)?,
        issued_at,
        not_before,
        name: claims.name,
        avatar: claims.avatar,
        custom,
    })
}

/// The algorithm is the key's: what the token says of itself is compared with it.
fn lenient(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    rules
}

/// NumericDate may have a fraction (RFC 7519); beyond the year 10,000 it is a mistake.
fn seconds(date: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "within the range that is checked")]
    (date.is_finite() && (0.0..253_402_300_800.0).contains(&date)).then_some(date as i64)
}

fn decoding_key(key: &PublicKey) -> Option<DecodingKey> {
    if !key.text.starts_with('{') {
        return pem_key(&key.text).map(|(_, key)| key);
    }
    let jwk: Value = serde_json::from_str(&key.text).ok()?;
    let field = |name: &str| jwk[name].as_str();
    match key.algorithm {
        TokenAlgorithm::Hs256 => None,
        TokenAlgorithm::Rs256 => DecodingKey::from_rsa_components(field("n")?, field("e")?).ok(),
        TokenAlgorithm::Es256 => DecodingKey::from_ec_components(field("x")?, field("y")?).ok(),
        TokenAlgorithm::EdDsa => DecodingKey::from_ed_components(field("x")?).ok(),
    }
}

fn from_pem(text: &str) -> Vec<PublicKey> {
    let key = pem_key(text);
    key.map(|(algorithm, _)| PublicKey { id: None, algorithm, text: text.to_owned() })
        .into_iter()
        .collect()
}

/// A key by the family that its PEM says it is.
fn pem_key(text: &str) -> Option<(TokenAlgorithm, DecodingKey)> {
    let bytes = text.as_bytes();
    let length = |key: &DecodingKey| key.try_get_as_bytes().map_or(0, <[u8]>::len);
    if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
        return (length(&key) == 32).then_some((TokenAlgorithm::EdDsa, key));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        // An uncompressed point of P-256.
        return (length(&key) == 65).then_some((TokenAlgorithm::Es256, key));
    }
    let key = DecodingKey::from_rsa_pem(bytes).ok()?;
    // The modulus alone has 256 bytes.
    (length(&key) > 260).then_some((TokenAlgorithm::Rs256, key))
}

/// The keys of a JWK or a set that are public, for signatures, and of a kind that is known.
fn from_json(text: &str) -> Result<Vec<PublicKey>, String> {
    let json: Value = serde_json::from_str(text).map_err(|_| "JSON, or PEM".to_owned())?;
    let Some(set) = json.get("keys") else {
        if json.get("d").is_some() || json.get("k").is_some() {
            return Err("a public key; this JWK holds a secret".to_owned());
        }
        return Ok(from_jwk(&json).into_iter().collect());
    };
    let keys = set.as_array().ok_or("a JWK set: {\"keys\":[...]}")?;
    Ok(keys.iter().filter_map(from_jwk).take(limits::PUBLIC_KEYS_PER_APP_MAX).collect())
}

fn from_jwk(jwk: &Value) -> Option<PublicKey> {
    let field = |name: &str| jwk[name].as_str();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(field(name)?).ok();
    if field("use").is_some_and(|purpose| purpose != "sig") || jwk.get("d").is_some() {
        return None;
    }
    let (algorithm, public) = match (field("kty")?, field("crv")) {
        ("RSA", _) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let fits = (256..=1_025).contains(&n.len()) && (1..=8).contains(&e.len());
            fits.then_some(())?;
            (TokenAlgorithm::Rs256, json!({ "kty": "RSA", "n": field("n")?, "e": field("e")? }))
        }
        ("EC", Some("P-256")) => {
            (bytes("x")?.len() == 32 && bytes("y")?.len() == 32).then_some(())?;
            let (x, y) = (field("x")?, field("y")?);
            (TokenAlgorithm::Es256, json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }))
        }
        ("OKP", Some("Ed25519")) => {
            (bytes("x")?.len() == 32).then_some(())?;
            (TokenAlgorithm::EdDsa, json!({ "kty": "OKP", "crv": "Ed25519", "x": field("x")? }))
        }
        _ => return None,
    };
    let named = field("alg").is_none_or(|alg| alg == algorithm.as_str() || alg == "Ed25519");
    named.then(|| PublicKey {
        id: field("kid").map(str::to_owned),
        algorithm,
        text: public.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn keys_of_a_set_that_are_of_use() {
        let n = URL_SAFE_NO_PAD.encode([0xc1; 256]);
        let short = URL_SAFE_NO_PAD.encode([0xc1; 128]);
        let x = URL_SAFE_NO_PAD.encode([1; 32]);
        let set = json!({"keys": [
            {"kty": "RSA", "kid": "a", "n": n, "e": "AQAB", "alg": "RS256", "use": "sig"},
            {"kty": "EC", "crv": "P-256", "kid": "b", "x": x, "y": x},
            {"kty": "OKP", "crv": "Ed25519", "x": ED},
            {"kty": "RSA", "kid": "short", "n": short, "e": "AQAB"},
            {"kty": "RSA", "kid": "other", "n": n, "e": "AQAB", "alg": "RS512"},
            {"kty": "RSA", "kid": "enc", "n": n, "e": "AQAB", "use": "enc"},
            {"kty": "EC", "crv": "P-384", "x": x, "y": x},
            {"kty": "oct", "k": x}, {"kty": "OKP", "crv": "Ed25519", "x": ED, "d": ED},
            {}, 1,
        ]});
        let keys = Jwts.read_keys(&set.to_string()).unwrap();
        let ids: Vec<_> = keys.iter().map(|key| key.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), Some("b"), None]);
        assert!(keys.iter().all(|key| decoding_key(key).is_some()));
    }

    #[test]
    fn what_is_no_public_key() {
        let pem = format!("-----BEGIN {} KEY-----\nAA==\n-----END {0} KEY-----", "PRIVATE");
        let secret = json!({"kty": "oct", "k": "c2VjcmV0"}).to_string();
        let private = json!({"kty": "OKP", "crv": "Ed25519", "x": ED, "d": ED}).to_string();
        let public = pem.replace("PRIVATE", "PUBLIC");
        for wrong in
            ["", "x", "{", "{\"keys\":1}", "{\"keys\":[]}", &pem, &public, &secret, &private]
        {
            assert!(Jwts.read_keys(wrong).is_err(), "{wrong}");
        }
    }
}
