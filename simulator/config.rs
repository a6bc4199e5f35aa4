//! Settings. Whatever Discord does not document is a setting here, with the simulator's guess as its default.

use crate::limits::Kind;

/// How the 50 requests a second of one bot are counted. Undocumented; libraries assume a fixed window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalWindow {
    /// A window of one second that begins with the first request after the last one ended.
    Fixed,
    /// Any 1000 ms may hold no more than the limit: never laxer than `Fixed`, so the harder test.
    SlidingLog,
}

/// What a bot hears about a guild that exists but that it is not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInGuild {
    /// 403, code 50001.
    MissingAccess,
    /// 404, code 10004.
    UnknownGuild,
}

/// Replaces one line of [`LIMITS`](crate::limits::LIMITS).
#[derive(Clone, Debug)]
pub struct LimitOverride {
    /// Name in the table, such as `role-write`.
    pub bucket: String,
    /// Requests in a window.
    pub limit: u32,
    /// Length of the window in simulated milliseconds.
    pub window_ms: u64,
    pub kind: Kind,
}

/// How the little Discord behaves. `Default` is the best guess at the real one.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Simulated seconds in a real second. Headers are in simulated seconds, so a client must run at the same
    /// speed.
    pub speed: f64,
    /// Makes tokens and faults repeatable.
    pub seed: u64,
    /// The application that users log in to; the first bot added belongs to it.
    pub client_id: String,
    pub client_secret: String,
    /// Registered redirect addresses, compared byte for byte. Empty accepts every address.
    pub redirect_uris: Vec<String>,
    /// Refuses (403, code 40333) a User-Agent that does not look like `DiscordBot (url, version)`.
    pub strict_user_agent: bool,
    /// Refuses unknown fields in JSON bodies. Discord ignores them; a misspelt field is then silently lost.
    pub strict_bodies: bool,

    /// Requests a second of one bot or user token (documented: 50).
    pub global_limit: u32,
    pub global_window: GlobalWindow,
    /// Other sizes than those of the table.
    pub limits: Vec<LimitOverride>,
    /// Answers 401, 403 and 429 (not shared) in `invalid_window_ms` before the address is blocked
    /// (documented: 10,000 in 10 minutes).
    pub invalid_limit: usize,
    pub invalid_window_ms: u64,
    /// Length of that block in simulated milliseconds. Undocumented; reports say 24 hours.
    pub block_ms: u64,

    /// Real milliseconds that every answer takes.
    pub latency_ms: u64,
    /// Real milliseconds that a write to a member takes besides, so that two writes can overlap.
    pub write_latency_ms: u64,
    /// Two writes to one member that overlap: the later one answers with success and changes nothing
    /// (observed, discord-api-docs #6289).
    pub lose_overlapping_writes: bool,
    /// Simulated milliseconds for which reads still show a member's roles as before a write. Discord is only
    /// eventually consistent; the extent is undocumented.
    pub read_delay_ms: u64,

    /// Asks for member and role (404) before permissions (403). Undocumented.
    pub existence_first: bool,
    pub not_in_guild: NotInGuild,
    /// A join that names a role out of the bot's reach fails as a whole. Undocumented; `false` joins without
    /// roles.
    pub join_fails_with_bad_role: bool,
    /// New members have yet to pass the membership screening.
    pub join_pending: bool,
    /// Guilds that one user can be in (100, or 200 with Nitro).
    pub guild_cap: usize,
    /// A login before the last token ended returns that token again (seen by third parties).
    pub same_token_on_relogin: bool,
    /// Life of an access token in simulated seconds (documented: 7 days).
    pub access_token_life_s: u64,
    /// Life of an authorization code in simulated seconds (Discord staff: 100 s).
    pub code_life_s: u64,

    /// Calls kept in the log.
    pub log_size: usize,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            speed: 1.0,
            seed: 1,
            client_id: "1190000000000000001".into(),
            client_secret: "simulator-client-secret".into(),
            redirect_uris: Vec::new(),
            strict_user_agent: true,
            strict_bodies: true,
            global_limit: 50,
            global_window: GlobalWindow::Fixed,
            limits: Vec::new(),
            invalid_limit: 10_000,
            invalid_window_ms: 600_000,
            block_ms: 24 * 3_600_000,
            latency_ms: 0,
            write_latency_ms: 0,
            lose_overlapping_writes: true,
            read_delay_ms: 0,
            existence_first: true,
            not_in_guild: NotInGuild::MissingAccess,
            join_fails_with_bad_role: true,
            join_pending: false,
            guild_cap: 100,
            same_token_on_relogin: false,
            access_token_life_s: 604_800,
            code_life_s: 100,
            log_size: 10_000,
        }
    }
}
