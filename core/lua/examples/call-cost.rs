//! What a call costs beside the work that it does: `cargo run --release -p moonsail-lua --example call-cost`.
#![expect(clippy::print_stdout, reason = "a measurement is for reading")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use moonsail_lua::mlua::{self, Function, Value};
use moonsail_lua::{Budget, Vm, VmLimits};

const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    runtime.block_on(async {
        let made = Instant::now();
        let vm = Vm::new(VmLimits::default())?;
        println!("a VM: {:?}, {} KiB", made.elapsed(), vm.used_memory() >> 10);
        let trivial = function(&vm, "return function(x) return x end").await?;
        let loops = function(
            &vm,
            "return function(x) local function f() end for i = 1, 1000 do f() end return x end",
        )
        .await?;
        for (name, function, rounds) in
            [("a trivial call", &trivial, ROUNDS), ("1000 empty calls inside", &loops, ROUNDS / 20)]
        {
            let budget = Budget { cpu: Duration::from_millis(50), wall: Duration::from_secs(10) };
            let started = Instant::now();
            for round in 0..rounds {
                black_box(vm.call(function, round, budget).await?);
            }
            println!("{name}: {:?}", started.elapsed() / rounds);
            if rounds < ROUNDS {
                continue; // Without a budget, such work is stopped.
            }
            let started = Instant::now();
            for round in 0..rounds {
                black_box(function.call_async::<Value>(round).await?);
            }
            println!("{name}, by mlua alone: {:?}", started.elapsed() / rounds);
        }
        Ok(())
    })
}

async fn function(vm: &Vm, source: &str) -> Result<Function, Box<dyn std::error::Error>> {
    let environment = vm.environment()?;
    match vm.run("bench.lua", source.as_bytes(), &environment).await?.pop_front() {
        Some(Value::Function(function)) => Ok(function),
        _ => Err(mlua::Error::runtime("no function").into()),
    }
}
