//! Which GPU `auto` takes.

use super::*;
use crate::device::CheckResult;
use std::cell::RefCell;

fn adapter(api: Api, kind: AdapterKind, rank: usize) -> Adapter {
    Adapter {
        device: format!("{}:{rank}", api.name()),
        name: "Test".to_owned(),
        kind,
        driver: String::new(),
        max_binding_bytes: 0,
        max_buffer_bytes: 0,
        max_storage_buffers: 0,
        max_workgroup_threads: 0,
        workgroup_memory_bytes: 0,
        f16: false,
        subgroups: false,
        timestamps: false,
        api,
        rank,
    }
}

/// Which adapters are tried, whether one is taken, and what is told of the others, where those of an interface are
/// `right`.
fn tried(found: &[Adapter], right: Option<Api>) -> (Vec<String>, bool, Vec<String>) {
    let tried = RefCell::new(Vec::new());
    let ready = async |adapter: &Adapter| {
        tried.borrow_mut().push(adapter.device.clone());
        match Some(adapter.api) == right {
            true => Ok(cpu()),
            false => Err(DeviceError::SelfTest {
                check: "gradient",
                detail: "relative error 1.0e0".to_owned(),
            }),
        }
    };
    let (taken, passed_over) = pollster::block_on(first_ready(candidates(found), ready));
    let told = passed_over.iter().map(ToString::to_string).collect();
    (tried.into_inner(), taken.is_some(), told)
}

#[test]
fn a_gpu_that_fails_its_test_is_passed_over_with_the_reason_and_at_last_there_is_none() {
    let found = [
        adapter(Api::Vulkan, AdapterKind::Integrated, 0),
        adapter(Api::Vulkan, AdapterKind::Software, 0),
        adapter(Api::Vulkan, AdapterKind::Discrete, 0),
        adapter(Api::Vulkan, AdapterKind::Discrete, 1),
        adapter(Api::Dx12, AdapterKind::Discrete, 0),
    ];
    let (all, taken, told) = tried(&found, None);
    assert_eq!(all, ["vulkan:0", "vulkan:1", "dx12:0", "vulkan:0"]);
    assert!(!taken);
    assert_eq!(told.len(), 4);
    let (some, taken, told) = tried(&found, Some(Api::Dx12));
    assert_eq!(some, ["vulkan:0", "vulkan:1", "dx12:0"]);
    assert!(taken);
    let reason = "Test (vulkan:0) is passed over: the device failed its self-test (gradient";
    assert!(told.len() == 2 && told[0].starts_with(reason), "{told:?}");
}

#[test]
fn a_gpu_of_its_own_comes_before_a_virtual_one_and_that_before_one_on_the_processor() {
    let found = [
        adapter(Api::Vulkan, AdapterKind::Integrated, 0),
        adapter(Api::Vulkan, AdapterKind::Virtual, 1),
        adapter(Api::Vulkan, AdapterKind::Discrete, 2),
    ];
    let (all, ..) = tried(&found, None);
    assert_eq!(all, ["vulkan:2", "vulkan:1", "vulkan:0"]);
}

#[test]
fn a_device_that_was_tested_when_it_was_chosen_is_not_tested_again() {
    let check = CheckResult {
        name: "made up",
        error: 0.5,
    };
    let names = |selected: &Selected| -> Vec<&'static str> {
        let checks = pollster::block_on(selected.self_test()).unwrap();
        checks.iter().map(|check| check.name).collect()
    };
    let mut selected = cpu();
    assert!(names(&selected).contains(&"gradient"));
    selected.checks = Some(vec![check]);
    assert_eq!(names(&selected), ["made up"]);
}

#[test]
fn a_gpu_is_chosen_with_the_checks_that_it_passed() {
    pollster::block_on(async {
        let all = adapters().await;
        let software = all
            .iter()
            .find(|a| a.kind == AdapterKind::Software && a.api == Api::Vulkan)
            .expect("a software Vulkan adapter is installed (Debian: mesa-vulkan-drivers)");
        let checks = tested(software).await.unwrap().checks.unwrap();
        assert!(checks.iter().any(|check| check.name == "gradient"));
    });
}

#[test]
fn the_interface_that_others_go_through_comes_first() {
    let found = Api::ALL.map(|api| adapter(api, AdapterKind::Integrated, 0));
    let (first, _, _) = tried(&found, Some(Api::Metal));
    assert_eq!(first, ["metal:0"]);
}

#[test]
fn a_gpu_that_is_part_of_the_processor_is_taken_with_a_doubt_unless_it_is_apples() {
    let part = adapter(Api::Vulkan, AdapterKind::Integrated, 0);
    let told = doubt(&part).unwrap();
    for word in ["Test is part", "--device vulkan:0", "--device cpu"] {
        assert!(told.contains(word), "{told}");
    }
    let apple = Adapter {
        name: "Apple M1".to_owned(),
        ..adapter(Api::Metal, AdapterKind::Integrated, 0)
    };
    assert_eq!(doubt(&apple), None);
    assert_eq!(doubt(&adapter(Api::Vulkan, AdapterKind::Discrete, 0)), None);
}
