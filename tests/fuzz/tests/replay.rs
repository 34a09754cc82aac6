//! Each kept input once through its target, with the compiler of every day: a fixed bug stays fixed
//! without a fuzzer at hand.

use std::fs;
use std::path::PathBuf;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn kept_inputs_break_no_promise() {
    for (target, _) in fuzz::TARGETS {
        let folder = corpus().join(target);
        let mut inputs: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(inputs.len() > 2, "{target} has no inputs in {}", folder.display());
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            let outcome = std::panic::catch_unwind(|| fuzz::run(target, &bytes));
            assert!(outcome.is_ok(), "{target} fails on {}", input.display());
        }
    }
}

#[test]
fn no_input_is_kept_for_a_target_that_is_gone() {
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(fuzz::TARGETS.iter().any(|(target, _)| *target == name), "corpus/{name}");
    }
}
