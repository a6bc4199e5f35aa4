//! `rolecall simulator`: a little Discord for trials.
#![expect(clippy::print_stderr, reason = "a command line prints")]

use rolecall_simulator::{Simulator, SimulatorConfig};

use crate::cli::CliError;
use crate::cli::processes::SimulatorArgs;
use crate::processes;

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
    eprintln!(
        "A little Discord at http://{address}/ (its clock runs {} times as fast as ours).",
        args.speed
    );
    eprintln!(
        "It has guild {} with {} members. Its bot's token is {}",
        world.guild_id,
        world.members.len(),
        world.bot_token
    );
    eprintln!("Point rolecall at it:\n");
    eprintln!(
        "  export DISCORD_API_BASE_URL=http://{address}/api/v10 ROLECALL_SIMULATOR_SPEED={}",
        args.speed
    );
    eprintln!("  export BOT_TOKEN={}", world.bot_token);
    eprintln!(
        "  rolecall guild add --id {} --name Trial --bot-token-env BOT_TOKEN\n",
        world.guild_id
    );
    eprintln!("Roles:");
    for (id, name, position) in simulator.guild_roles(world.guild_id) {
        eprintln!("  {id}  {name} (position {position})");
    }
    eprintln!("Ctrl-C ends it.");
    simulator
        .serve(listener, stop.cancelled_owned())
        .await
        .map_err(|e| CliError::failed(format!("the simulator ended: {e}")))
}
