//! Messages to endpoints: signed as Standard Webhooks says, and sent to no address inside the operator's own network.

mod guard;
mod sender;
mod signature;

pub use guard::Reach;
pub use sender::HttpSender;
