"""The table of providers: the prefixes and shapes that they document for their keys and tokens.

Labels of the wire contract (§11.2) come first. Lengths are lower limits well below the documented ones, because
people cut tokens short when they paste them, and providers lengthen them over the years.
"""

from __future__ import annotations

from typing import Final

from whetstone.privacy.detectors.credentials.tokens import TokenRule as Rule

_A: Final = "[A-Za-z0-9]"
_W: Final = "[A-Za-z0-9_-]"
_H: Final = "[0-9a-f]"
_B: Final = "[A-Za-z0-9+/=]"
_END: Final = "(?![A-Za-z0-9])"
_UUID: Final = f"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"

CONTRACT: Final = (
    Rule("anthropic-key", ("sk-ant-",), f"{_W}{{16,}}+"),
    Rule("openai-key", ("sk-",), f"{_W}{{16,}}+", words=True),
)
"""`sk-` keys; they rank before the bearer rule.

The contract calls every other `sk-` key OpenAI's, and so do we, though OpenRouter, Langfuse and others use it too. The
only deviation is that the classes of two known style sheets (`sk-fading-circle-container`) stay.
"""

_LANGUAGE_MODELS: Final = (
    Rule("langfuse-key", ("pk-lf-",), f"{_W}{{20,}}+"),
    Rule("helicone-key", ("pk-helicone-",), f"{_W}{{12,}}+"),
    Rule("openai-key", ("sess-",), f"{_A}{{36,}}+", mixed=True),
    Rule("google-api-key", ("AIza",), f"{_W}{{30,}}+"),
    Rule("google-api-key", ("AQ.Ab",), f"{_W}{{30,}}+"),
    Rule("google-token", ("ya29.", "GOCSPX-"), f"{_W}{{20,}}+"),
    Rule("google-token", ("1//0",), f"{_W}{{30,}}+"),
    Rule("huggingface-token", ("hf_", "api_org_"), f"{_A}{{20,}}+"),
    Rule("groq-key", ("gsk_",), f"{_A}{{20,}}+"),
    Rule("xai-key", ("xai-",), f"{_A}{{20,}}+"),
    Rule("perplexity-key", ("pplx-",), f"{_A}{{20,}}+"),
    Rule("replicate-token", ("r8_",), f"{_A}{{20,}}+"),
    Rule("tavily-key", ("tvly-",), f"{_W}{{16,}}+"),
    Rule("nvidia-key", ("nvapi-",), f"{_W}{{30,}}+"),
    Rule("fireworks-key", ("fw_",), f"{_A}{{20,}}+"),
    Rule("together-key", ("tgp_v1_",), f"{_W}{{30,}}+"),
    Rule("langsmith-key", ("lsv2_pt_", "lsv2_sk_", "ls__"), "[A-Za-z0-9_]{24,}+"),
    Rule("pinecone-key", ("pcsk_",), "[A-Za-z0-9_]{30,}+"),
    Rule("firecrawl-key", ("fc-",), f"{_H}{{28,}}+{_END}"),
    Rule("elevenlabs-key", ("sk_",), f"{_H}{{40,64}}+{_END}"),
    Rule("cerebras-key", ("csk-",), f"{_A}{{30,}}+"),
    Rule("jina-key", ("jina_",), f"{_W}{{40,}}+"),
    Rule("voyage-key", ("pa-",), f"{_W}{{38,}}+", mixed=True),
    Rule("anyscale-key", ("esecret_",), f"{_A}{{20,}}+"),
    Rule("llamacloud-key", ("llx-",), f"{_A}{{30,}}+"),
    Rule("runpod-key", ("rpa_",), f"{_A}{{30,}}+"),
    Rule("e2b-key", ("e2b_",), f"{_H}{{30,}}+"),
    Rule("browserbase-key", ("bb_live_", "bb_test_"), f"{_W}{{20,}}+"),
    Rule("apify-token", ("apify_api_",), f"{_A}{{28,}}+"),
    Rule("brave-key", ("BSA",), f"{_W}{{27,29}}{_END}", mixed=True),
    Rule("cursor-key", ("key_",), f"{_H}{{60,}}+{_END}"),
    Rule("cartesia-key", ("sk_car_",), f"{_W}{{20,}}+"),
    Rule("context7-key", ("ctx7sk-",), f"{_W}{{20,}}+"),
    Rule("mem0-key", ("m0-",), f"{_A}{{36,}}+", mixed=True),
    Rule("modal-token", ("ak-", "as-"), f"{_A}{{22}}{_END}", mixed=True),
    Rule("friendli-token", ("flp_",), f"{_A}{{30,}}+"),
    Rule("wandb-key", ("wandb_v1_",), f"{_W}{{30,}}+"),
)

_CLOUDS: Final = (
    Rule("aws-access-key", ("AKIA", "ASIA", "ABIA", "ACCA"), f"[0-9A-Z]{{16}}{_END}"),
    Rule("aws-session-token", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"), "[A-Za-z0-9+/=%]{60,}+"),
    Rule("aws-bedrock-key", ("ABSK",), f"{_B}{{60,300}}+(?!{_B})"),
    Rule("aws-bedrock-key", ("bedrock-api-key-",), f"{_B}{{30,}}+"),
    Rule("amazon-mws-token", ("amzn.mws.",), _UUID),
    Rule("amazon-client-secret", ("amzn1.oa2-cs.v1.",), f"{_H}{{40,}}+"),
    Rule("alibaba-access-key", ("LTAI",), f"{_A}{{16,24}}{_END}", mixed=True),
    Rule("tencent-secret-id", ("AKID",), f"{_A}{{32}}{_END}", mixed=True),
    Rule("yandex-key", ("AQVN",), f"{_W}{{34,}}+"),
    Rule("yandex-token", ("t1.9eue", "y0_"), f"{_W}{{36,}}+(?:=*+\\.{_W}{{40,}}+)?=*+"),
    Rule("scaleway-key", ("SCW",), f"[0-9A-Z]{{17}}{_END}", mixed=True),
    Rule("backblaze-key", ("K00",), f"\\d[A-Za-z0-9+/]{{27}}{_END}", mixed=True),
    Rule("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), f"{_H}{{32,}}+"),
    Rule("cloudflare-origin-key", ("v1.0-",), f"{_H}{{20,}}+-{_H}{{60,}}+"),
    Rule("vercel-token", ("vcp_", "vci_", "vca_", "vcr_", "vck_", "vercel_blob_rw_"), f"{_W}{{24,}}+"),
    Rule("netlify-token", ("nfp_", "nfc_", "nfo_", "nfu_", "nfb_"), f"{_A}{{30,}}+"),
    Rule("heroku-key", ("HRKU-",), f"{_W}{{30,}}+"),
    Rule("fly-token", ("fo1_",), f"{_W}{{30,}}+"),
    Rule("fly-token", ("fm1a_", "fm1r_", "fm2_"), "[A-Za-z0-9+/=_,-]{40,}+"),
    Rule("render-key", ("rnd_",), f"{_A}{{24,}}+"),
    Rule("supabase-key", ("sbp_", "sb_secret_"), f"{_W}{{24,}}+"),
    Rule(
        "planetscale-token",
        ("pscale_tkn_", "pscale_oauth_", "pscale_pw_"),
        "[\\w=-]{20,}+(?:\\.[\\w=-]++){0,3}",
    ),
    Rule("neon-key", ("napi_",), f"{_A}{{40,}}+"),
    Rule("neon-password", ("npg_",), f"{_A}{{10,}}+"),
    Rule("mongodb-atlas-secret", ("mdb_sa_sk_",), f"{_W}{{24,}}+"),
    Rule("databricks-token", ("dapi", "dose", "dkea"), f"{_H}{{32}}(?:-\\d)?{_END}"),
    Rule("clickhouse-key", ("4b1d",), f"{_A}{{38}}{_END}", mixed=True),
    Rule("cockroach-key", ("CCDB1_",), f"{_A}{{20,}}+_?{_A}*+"),
    Rule("aiven-secret", ("AVNS_",), f"{_W}{{15,}}+"),
    Rule("elastic-key", ("essu_",), "[A-Za-z0-9+/=_-]{30,}+"),
    Rule("dbt-token", ("dbtc_", "dbtu_", "dbts_"), f"{_W}{{30,}}+"),
    Rule("prefect-key", ("pnu_", "pnb_"), f"{_A}{{30,}}+"),
    Rule("tailscale-key", ("tskey-",), f"{_W}{{16,}}+", mixed=True),
    Rule("vault-token", ("hvs.", "hvb.", "hvr."), f"{_W}{{20,}}+"),
    Rule("doppler-token", ("dp.pt.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."), f"{_A}{{30,}}+"),
    Rule("doppler-token", ("dp.st.",), f"(?:[a-z0-9_-]{{2,35}}\\.)?{_A}{{30,}}+"),
    Rule("onepassword-token", ("ops_ey",), f"{_B}{{60,}}+"),
    Rule(
        "onepassword-secret-key",
        ("A3-",),
        "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    Rule("age-key", ("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"), "[0-9A-Z]{40,}+"),
    Rule("pulumi-token", ("pul-",), f"{_H}{{36,}}+"),
    Rule("infisical-token", ("st.",), f"{_H}{{8,24}}[0-9a-f.-]{{30,}}+{_A}*+", mixed=True),
    Rule("openshift-token", ("sha256~",), f"{_W}{{40,}}+"),
)

_DEVELOPMENT: Final = (
    Rule("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), f"{_A}{{20,}}+"),
    Rule("github-token", ("github_pat_",), "[A-Za-z0-9_]{20,}+"),
    Rule(
        "gitlab-token",
        (
            "glpat-",
            "gldt-",
            "glrt-",
            "glrtr-",
            "glptt-",
            "glft-",
            "glimt-",
            "glagent-",
            "glsoat-",
            "glcbt-",
            "gloas-",
            "glffct-",
            "glwt-",
        ),
        f"{_W}{{20,}}+(?:\\.[0-9a-z]{{2,9}})*+",
    ),
    Rule("gitlab-token", ("GR1348941",), f"{_W}{{16,}}+"),
    Rule("gitlab-session", ("_gitlab_session=",), f"{_H}{{32,}}+"),
    Rule("bitbucket-password", ("ATBB",), f"{_A}{{24,}}+", mixed=True),
    Rule("bitbucket-token", ("ATCTT3",), "[A-Za-z0-9_=-]{40,}+"),
    Rule("atlassian-token", ("ATATT3",), "[A-Za-z0-9_=-]{40,}+"),
    Rule("trello-token", ("ATTA",), f"{_A}{{60,}}+", mixed=True),
    Rule("npm-token", ("npm_",), f"{_A}{{30,}}+"),
    Rule("pypi-token", ("pypi-",), f"{_W}{{30,}}+", mixed=True),
    Rule("rubygems-key", ("rubygems_",), f"{_H}{{40,}}+"),
    Rule("crates-token", ("cio",), f"{_A}{{32}}{_END}", mixed=True),
    Rule("nuget-key", ("oy2",), f"[a-z0-9]{{43}}{_END}"),
    Rule("jfrog-key", ("AKCp",), f"{_A}{{60,}}+"),
    Rule("jfrog-token", ("cmVmd",), f"{_A}{{52,}}+"),
    Rule("docker-token", ("dckr_pat_", "dckr_oat_"), f"{_W}{{20,}}+"),
    Rule("circleci-token", ("CCIPAT_", "CCIPRJ_"), "[A-Za-z0-9_]{30,}+"),
    Rule("buildkite-token", ("bkua_", "bkat_", "bkct_", "bkpt_", "bkaj_"), f"{_A}{{30,}}+"),
    Rule("postman-key", ("PMAK-", "PMAT-"), f"{_W}{{26,}}+"),
    Rule("sonar-token", ("squ_", "sqp_", "sqa_"), f"{_H}{{36,}}+"),
    Rule("sourcegraph-token", ("sgp_", "sgd_"), "[A-Fa-f0-9_]{36,}+"),
    Rule("launchdarkly-key", ("sdk-", "mob-", "api-"), f"{_UUID}{_END}"),
    Rule("clojars-token", ("CLOJARS_",), f"{_A}{{50,}}+"),
    Rule("octopus-key", ("API-",), f"[A-Z0-9]{{26,}}+{_END}", mixed=True),
    Rule("harness-key", ("pat.", "sat."), f"{_W}{{20,24}}\\.{_A}{{20,26}}\\.{_A}{{16,24}}"),
    Rule("scalingo-token", ("tk-us-",), f"{_W}{{40,}}+"),
    Rule("readme-key", ("rdme_",), "[a-z0-9]{60,}+"),
    Rule("zuplo-key", ("zpka_",), "[A-Za-z0-9_]{30,}+"),
    Rule("deno-token", ("ddp_", "ddw_"), f"{_A}{{30,}}+"),
    Rule("valtown-token", ("vtwn_",), f"{_A}{{20,}}+"),
    Rule("chromatic-token", ("chpt_",), f"{_H}{{10,}}+"),
    Rule("inngest-key", ("signkey-prod-", "signkey-test-", "signkey-branch-"), f"{_H}{{30,}}+"),
    Rule("trigger-key", ("tr_dev_", "tr_prod_", "tr_stg_"), f"{_A}{{18,}}+"),
    Rule("ory-token", ("ory_at_", "ory_pat_", "ory_ac_", "ory_rt_"), "[\\w.-]{24,}+"),
    Rule("expo-token", ("expo_",), f"{_A}{{36,}}+", mixed=True),
    Rule("ngrok-token", ("ngrok_", "2ngrok"), f"{_W}{{30,}}+", mixed=True),
    Rule("packagist-token", ("packagist_uut_", "packagist_ack_", "packagist_out_"), f"{_A}{{30,}}+"),
    Rule("adobe-secret", ("p8e-",), f"{_W}{{30,}}+"),
    Rule("frameio-token", ("fio-u-",), "[A-Za-z0-9_=-]{50,}+"),
)

TECHNICAL: Final = (*_LANGUAGE_MODELS, *_CLOUDS, *_DEVELOPMENT)
