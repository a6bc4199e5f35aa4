//! The search for secrets, however they are written.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use rolecall_simulator::TokenPair;

use super::{BOT, CLIENT, JWT, KEY};

/// What must be found nowhere.
pub(super) struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    pub(super) fn new(pair: &TokenPair) -> Self {
        Self(vec![
            ("the bot's token", BOT.to_owned()),
            ("the JWT secret", JWT.to_owned()),
            ("the encryption key", KEY.trim_end_matches('=').to_owned()),
            ("the client secret", CLIENT.1.to_owned()),
            ("the access token", pair.access_token.clone()),
            ("the refresh token", pair.refresh_token.clone()),
        ])
    }

    /// The texts, and every base64 of them, wherever in a longer text they begin.
    fn needles(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut all = Vec::new();
        for (name, text) in &self.0 {
            all.push((*name, text.clone().into_bytes()));
            for shift in 0..3 {
                let padded = [vec![b' '; shift], text.clone().into_bytes()].concat();
                for encoded in [
                    BASE64_STANDARD_NO_PAD.encode(&padded),
                    BASE64_URL_SAFE_NO_PAD.encode(&padded),
                ] {
                    // The first and last characters also hold bits of what is beside the text.
                    let inner = &encoded[if shift == 0 { 0 } else { 4 }..encoded.len() - 2];
                    all.push((*name, inner.as_bytes().to_vec()));
                }
            }
        }
        all
    }

    /// `place` holds `marker`, and none of these.
    #[track_caller]
    pub(super) fn assert_absent(&self, place: &str, bytes: &[u8], marker: &str) {
        assert!(
            find(bytes, marker.as_bytes()).is_some(),
            "{place} does not hold {marker}: was it looked at?"
        );
        for (name, needle) in self.needles() {
            if let Some(at) = find(bytes, &needle) {
                let around = &bytes[at.saturating_sub(200)..(at + needle.len() + 50).min(bytes.len())];
                panic!("{name} is in {place}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|w| w == needle)
}

#[test]
fn the_search_finds_a_secret_however_it_is_written() {
    let pair = TokenPair {
        access_token: "an-access-token-of-thirty-char".to_owned(),
        refresh_token: "a-refresh-token-of-thirty-char".to_owned(),
        expires_in: 1,
    };
    let needles = Canaries::new(&pair).needles();
    for hidden in [
        BOT.to_owned(),
        BASE64_STANDARD_NO_PAD.encode(BOT),
        BASE64_STANDARD_NO_PAD.encode(format!("x{BOT}y")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("id:{}:", CLIENT.1)),
        BASE64_STANDARD_NO_PAD.encode(format!("Bearer {}", pair.access_token)),
    ] {
        let text = format!("before {hidden} after");
        assert!(
            needles.iter().any(|(_, n)| find(text.as_bytes(), n).is_some()),
            "{hidden}"
        );
    }
}
