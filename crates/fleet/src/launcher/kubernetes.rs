//! Agents as the pods of a Kubernetes Job. The manifest names a Secret and holds none.

use std::path::Path;

use serde_json::{Value, json};

use super::{Order, line};

/// What pods are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// The name of Job and Secret.
    pub name: String,
    /// The image, with the program of the order in it.
    pub image: String,
    /// How many agents, one a pod.
    pub agents: usize,
    /// Cores of each pod, such as 2 or 500m.
    pub cpu: String,
    /// Memory of each pod, such as 2Gi.
    pub memory: String,
}

/// Where pods find the token.
const TOKEN_DIRECTORY: &str = "/run/rumormill";
const TOKEN_KEY: &str = "token";

/// The manifest of the Job, as JSON, which Kubernetes reads as it reads YAML.
pub fn manifest(order: &Order, pods: &Pods) -> String {
    format!("{:#}\n", job(order, pods))
}

fn job(order: &Order, pods: &Pods) -> Value {
    let Pods { name, image, agents, cpu, memory } = pods;
    let labels = json!({ "app.kubernetes.io/name": "rumormill-agent", "app.kubernetes.io/instance": name });
    let amounts = json!({ "cpu": cpu, "memory": memory });
    let file = format!("{TOKEN_DIRECTORY}/{TOKEN_KEY}");
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "completions": agents,
            "parallelism": agents,
            "completionMode": "Indexed",
            // An agent that was lost does not come again: the run has begun without it, or ended.
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 600,
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": false,
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": { "matchLabels": labels },
                    }],
                    "containers": [{
                        "name": "agent",
                        "image": image,
                        "command": [order.program],
                        "args": ["agent", "--coordinator", order.coordinator, "--token-file", file],
                        "resources": { "requests": amounts, "limits": amounts },
                        "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true },
                        "volumeMounts": [{ "name": TOKEN_KEY, "mountPath": TOKEN_DIRECTORY, "readOnly": true }],
                    }],
                    "volumes": [{
                        "name": TOKEN_KEY,
                        "secret": { "secretName": name, "defaultMode": 0o400 },
                    }],
                },
            },
        },
    })
}

/// The command that makes the Secret of a token in this file.
pub fn secret_command(pods: &Pods, token_file: &Path) -> String {
    let source = format!("--from-file={TOKEN_KEY}={}", token_file.display());
    line(["kubectl", "create", "secret", "generic", &pods.name, &source])
}

/// The command that starts the agents of a manifest in this file.
pub fn start_command(manifest_file: &str) -> String {
    line(["kubectl", "create", "--filename", manifest_file])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    #[test]
    fn the_manifest_names_the_secret_and_holds_none() {
        let token = Token { fingerprint: [1; 32], secret: [2; 32] };
        let (program, coordinator) = ("rumormill".to_owned(), "10.0.0.1:77".to_owned());
        let order = Order { program, coordinator, token: token.clone() };
        let pods = Pods {
            name: "gossip".into(),
            image: "registry.example/rumormill:1".into(),
            agents: 4,
            cpu: "2".into(),
            memory: "2Gi".into(),
        };
        let text = manifest(&order, &pods);
        assert!(!text.contains("0202") && !text.contains("0101") && !text.contains(&token.reveal()));
        let job: Value = serde_json::from_str(&text).expect("it is JSON");
        let spec = &job["spec"]["template"]["spec"];
        assert_eq!(spec["volumes"][0]["secret"]["secretName"], "gossip");
        let container = &spec["containers"][0];
        let mount = container["volumeMounts"][0]["mountPath"].as_str().expect("a path");
        assert_eq!(container["args"][4], format!("{mount}/token"));
        assert_eq!(container["resources"]["limits"], json!({ "cpu": "2", "memory": "2Gi" }));
        assert_eq!((&job["spec"]["completions"], &job["spec"]["parallelism"]), (&json!(4), &json!(4)));
        assert_eq!(
            secret_command(&pods, Path::new("/tmp/run.token")),
            "kubectl create secret generic gossip --from-file=token=/tmp/run.token"
        );
    }
}
