//! Any bytes inflate within the bound or not at all, and leave no trace; what is deflated comes
//! back; and offers of extensions are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snug_ws::deflate::{Agreed, Deflater, Inflater};

const MOST: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let mut inflater = Inflater::new();
    if let Ok(inflated) = inflater.inflate(data, MOST) {
        assert!(inflated.len() <= MOST);
    }
    let mut deflated = Vec::new();
    assert!(Deflater::new(1).deflate(data, &mut deflated));
    assert_eq!(inflater.inflate(&deflated, data.len()).as_deref(), Ok(data));
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(Some(agreed)) = Agreed::accept([text])
    {
        let answer = agreed.answer();
        assert!(Agreed::confirm([&*answer]).is_ok_and(|agreed| agreed.is_some()));
    }
});
