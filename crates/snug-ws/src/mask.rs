//! Masking (RFC 6455, 5.3).

/// Masks `payload` in place, or takes the mask off: both are the same. `offset` is how many bytes
/// of the frame's payload stand before it.
///
/// ```
/// let mut payload = *b"Hello";
/// snug_ws::mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// snug_ws::mask(&mut payload[..3], [0x37, 0xfa, 0x21, 0x3d], 0);
/// snug_ws::mask(&mut payload[3..], [0x37, 0xfa, 0x21, 0x3d], 3);
/// assert_eq!(&payload, b"Hello");
/// ```
pub fn mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let turned = u32::from_be_bytes(key).rotate_left(8 * (offset % 4) as u32);
    let [a, b, c, d] = turned.to_be_bytes();
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Words of eight bytes: the compiler makes vector instructions of this loop.
    let (words, tail) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::mask;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_rfc_s_byte_by_byte(
            payload in prop::collection::vec(any::<u8>(), 0..100),
            key: [u8; 4],
            offset in 0..50_usize,
        ) {
            let by_byte: Vec<u8> = payload
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ key[(offset + i) % 4])
                .collect();
            let mut by_word = payload;
            mask(&mut by_word, key, offset);
            prop_assert_eq!(by_word, by_byte);
        }
    }
}
