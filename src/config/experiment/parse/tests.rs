//! What a plan may say, and how what is wrong in one is named.

use super::*;

pub(in crate::config) const PLAN: &str = "name = \"n\"\nsizes = [6]\narms = [\"random\", \"pretrained\"]\nseeds = [1, 2]\n\
    [data]\nroot = \"d\"\npretrain = \"p.json\"\nfinetune = { 6 = \"f.json\" }\n\
    [pretrain]\npreset = \"small\"\n[finetune]\npreset = \"small\"\n[finetune.run]\nmax_steps = 5\n";

fn message(text: &str) -> String {
    match ExperimentPlan::from_toml(text, "plan.toml") {
        Ok(plan) => format!("accepted: {plan:?}"),
        Err(error) => error.to_string(),
    }
}

/// In one line that names the file and what is wrong.
fn assert_refused(plan: &str, part: &str) {
    let text = message(plan);
    assert!(
        text.starts_with("plan.toml") && text.contains(part) && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn a_plan_is_presets_with_changes() {
    let plan = ExperimentPlan::from_toml(PLAN, "plan.toml").unwrap();
    let mut expected: FinetuneConfig = Preset::Small.settings().unwrap();
    expected.run.max_steps = Some(5);
    assert_eq!(plan.finetune, expected);
    assert!(matches!(
        plan.pretrain,
        Some(PretrainPlan::Run {
            per_seed: false,
            ..
        })
    ));
}

#[test]
fn an_arm_may_have_an_optimizer_of_its_own_and_nothing_else() {
    let own = |text: &str| format!("{PLAN}[arm.pretrained{text}\n");
    let text = own(".optimizer]\nencoder_rate = 0.02");
    let plan = ExperimentPlan::from_toml(&text, "plan.toml").unwrap();
    let mut expected = plan.finetune.optimizer.clone();
    expected.encoder_rate = 0.02;
    assert_ne!(expected, plan.finetune.optimizer);
    assert_eq!(plan.optimizer(Arm::Pretrained), &expected);
    assert_eq!(plan.optimizer(Arm::Random), &plan.finetune.optimizer);
    for (text, part) in [
        (".run]\nmax_steps = 9", "run"),
        (".optimizer]\nencoder_rate = -1.0", "[arm.pretrained]: "),
        (".optimizer]\nrate = 1.0", "rate"),
    ] {
        assert_refused(&own(text), part);
    }
    let absent = PLAN.replace("\"random\", \"pretrained\"", "\"random\"");
    let text = message(&format!("{absent}[arm.unet.optimizer]\n"));
    assert!(text.contains("arm.unet is not one of arms"), "{text}");
}

#[test]
fn what_is_wrong_is_named_with_the_file() {
    for (from, to, parts) in [
        ("seeds =", "seed =", "seed"),
        (
            "[finetune]\n",
            "[pretrain.decoder]\nrestoration = \"unetr\"\nfeature_size = 3\n[finetune]\n",
            "feature sizes 3 and",
        ),
        ("max_steps", "steps", "steps"),
        ("max_steps = 5", "seed = 5", "finetune.run.seed"),
        (
            "[finetune.run]\n",
            "[finetune.decoder]\narchitecture = \"unet\"\n[finetune.run]\n",
            "finetune.decoder.architecture",
        ),
        ("[6]", "[6, 12]", "12"),
        ("[6]", "[]", "sizes"),
        ("[1, 2]", "[1, 1]", "seeds"),
        (
            "[1, 2]",
            "[1, 9223372036854775808]",
            "one of seeds is 9223372036854775808: it must be 9223372036854775807 or less",
        ),
        ("max_steps = 5", "max_steps = 0", "max_steps"),
        (
            "[finetune.run]\n",
            "[finetune.data]\nlimit = 4\n[finetune.run]\n",
            "finetune.data.limit",
        ),
        ("\"small\"", "\"large\"", "large"),
        ("pretrain = \"p.json\"\n", "", "data.pretrain"),
        (
            "[finetune.run]\n",
            "[scoring]\nmirror = true\n[finetune.augment]\nflip_probability = 0.0\n[finetune.run]\n",
            "scoring.mirror",
        ),
        (
            "[finetune.run]\n",
            "[scoring]\noverlap = 1.0\n[finetune.run]\n",
            "scoring.overlap is 1",
        ),
        (
            "[finetune.run]\n",
            "[scoring]\ntolerance = -2.0\n[finetune.run]\n",
            "scoring.tolerance is -2",
        ),
        (
            "[finetune]\n",
            "[finetune.network]\nlayers = 5\n[finetune]\n",
            "different encoders: layers is 6 and 5; give",
        ),
        (
            "[pretrain]\n",
            "[pretrain]\nperseed = true\n",
            "`perseed`, expected one of `preset`, `per_seed`, `weights`, `data`, ",
        ),
        (
            "[finetune]\n",
            "[finetune]\npresets = \"small\"\n",
            "`presets`, expected one of `preset`, `data`, ",
        ),
    ] {
        assert_refused(&PLAN.replacen(from, to, 1), parts);
    }
}

#[test]
fn crops_of_another_size_need_positions_that_are_resized() {
    let other = format!("{PLAN}[finetune.crops]\nroi_size = [32, 32, 32]\n");
    assert_refused(&other, "roi_size is 64 x 64 x 64 and 32 x 32 x 32; give");
    let resized = format!("{other}[finetune.start]\nresize_positions = true\n");
    let plan = ExperimentPlan::from_toml(&resized, "plan.toml").unwrap();
    assert_eq!(plan.finetune.crops.roi_size, [32; 3]);
}

#[test]
fn an_interval_needs_resamples_beyond_both_ends() {
    let with = |resamples: usize, level: f64| {
        format!("{PLAN}[bootstrap]\nresamples = {resamples}\nlevel = {level:?}\n")
    };
    for (least, level) in [(40, 0.95), (20, 0.9), (4, 0.5), (200, 0.99)] {
        let plan = ExperimentPlan::from_toml(&with(least, level), "plan.toml");
        assert_eq!(plan.unwrap().bootstrap.resamples, least);
        let part = format!("bootstrap.resamples is {}: give {least} to ", least - 1);
        assert_refused(&with(least - 1, level), &part);
    }
    assert_refused(&with(10_000_001, 0.95), "give 40 to 10000000");
    assert_refused(&with(10_000, 0.999_999_9), "give a lower one");
    assert_refused(&with(10_000, 1.0), "between 0 and 1");
}

#[test]
fn what_is_wrong_in_a_section_that_no_arm_needs_is_refused_all_the_same() {
    let alone = PLAN.replacen("\"random\", \"pretrained\"", "\"random\"", 1);
    let plan = ExperimentPlan::from_toml(&alone, "plan.toml").unwrap();
    assert_eq!(plan.pretrain, None);
    let mistyped = alone.replacen("[pretrain]\n", "[pretrain]\nperseed = true\n", 1);
    assert_refused(&mistyped, "`perseed`");
    // Only what an arm needs must be there.
    let unlisted = alone.replacen("pretrain = \"p.json\"\n", "", 1);
    assert!(ExperimentPlan::from_toml(&unlisted, "plan.toml").is_ok());
}
