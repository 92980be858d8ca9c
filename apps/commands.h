#pragma once
// One function per command, each in its own NAME.cpp. They return the exit status and throw Error.

#include "apps/cli/settings.h"

namespace hewn::cli {

int run_train(const Settings& settings);
int run_sample(const Settings& settings);
int run_chat(const Settings& settings);
int run_eval(const Settings& settings);
int run_finetune_classify(const Settings& settings);
int run_finetune_instruct(const Settings& settings);
int run_finetune_prefer(const Settings& settings);
int run_classify(const Settings& settings);
int run_plan(const Settings& settings);
int run_info(const Settings& settings);
int run_verify(const Settings& settings);
int run_data_prepare(const Settings& settings);
int run_data_corpus(const Settings& settings);
int run_data_stats(const Settings& settings);
int run_tokenizer_train(const Settings& settings);
int run_tokenizer_encode(const Settings& settings);
int run_tokenizer_decode(const Settings& settings);
int run_tokenizer_compare(const Settings& settings);
int run_bench_kernels(const Settings& settings);
int run_bench_train(const Settings& settings);
int run_bench_sample(const Settings& settings);
int run_bench_comm(const Settings& settings);
int run_sweep(const Settings& settings);
int run_report(const Settings& settings);
int run_judge(const Settings& settings);
int run_import(const Settings& settings);
int run_export(const Settings& settings);
int run_quantize(const Settings& settings);
int run_trace(const Settings& settings);
int run_gradcheck(const Settings& settings);
int run_learn(const Settings& settings);
int run_merge(const Settings& settings);
int run_completion(const Settings& settings);
int run_help(const Settings& settings);
int run_version(const Settings& settings);

}  // namespace hewn::cli
