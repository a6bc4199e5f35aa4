//! `rolecall simulator`: a little Discord for trials.

use rolecall_simulator::{Simulator, SimulatorConfig};

use crate::cli::processes::SimulatorArgs;
use crate::cli::{CliError, output};
use crate::processes;

/// Members whose ids are told at the start.
const MEMBERS_SHOWN: usize = 3;

/// A line for people, on standard error.
macro_rules! note {
    ($($words:tt)*) => { output::note(&format!($($words)*)) };
}

/// Serves until a signal.
///
/// # Errors
/// A sentence, if it cannot listen.
pub async fn run(args: &SimulatorArgs) -> Result<(), CliError> {
    let stop = processes::stop_on_signal()
        .map_err(|e| CliError::failed(format!("cannot listen to signals: {e}")))?;
    let listener = processes::listen(&args.host, args.port, "--port")
        .await
        .map_err(CliError::failed)?;
    let address = listener
        .local_addr()
        .map_err(|e| CliError::failed(e.to_string()))?;
    let config = SimulatorConfig {
        speed: args.speed,
        seed: args.seed,
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::new(config);
    let world = simulator.seed_small_world();
    note!(
        "A little Discord at http://{address}/ (its clock runs {} times as fast as ours).",
        args.speed
    );
    note!(
        "It has guild {} with {} members. Its bot's token is {}",
        world.guild_id,
        world.members.len(),
        world.bot_token
    );
    note!("Point rolecall at it:\n");
    note!(
        "  export DISCORD_API_BASE_URL=http://{address}/api/v10 ROLECALL_SIMULATOR_SPEED={}",
        args.speed
    );
    note!("  export BOT_TOKEN={}", world.bot_token);
    note!(
        "  rolecall guild add --id {} --name Trial --bot-token-env BOT_TOKEN\n",
        world.guild_id
    );
    note!("Roles:");
    for (id, name, position) in simulator.guild_roles(world.guild_id) {
        note!("  {id}  {name} (position {position})");
    }
    note!("Some of the members (its page has all):");
    for (name, id) in world.members.iter().take(MEMBERS_SHOWN) {
        note!("  {id}  {name}");
    }
    note!("For logins, before `rolecall all`:\n");
    note!(
        "  export DISCORD_CLIENT_ID={} DISCORD_CLIENT_SECRET={}",
        world.client_id,
        world.client_secret
    );
    note!("  export DISCORD_AUTHORIZE_URL=http://{address}/oauth2/authorize");
    note!("  export DISCORD_REDIRECT_URI=http://127.0.0.1:8080/discord/auth/callback");
    note!("  export FRONTEND_URL=http://127.0.0.1:8080\n");
    note!("Ctrl-C ends it.");
    simulator
        .serve(listener, stop.cancelled_owned())
        .await
        .map_err(|e| CliError::failed(format!("the simulator ended: {e}")))
}
