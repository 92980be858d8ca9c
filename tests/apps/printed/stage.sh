#!/bin/bash
# Makes the files that printed commands name, in the working directory: small texts, tables, runs and models.
# Configurations, fixtures and solutions are copies of those in the tree $1, since commands may write anywhere here.
set -euo pipefail
cp -r "$1/configs" .
cp configs/baby-gpt-cpu.toml CONFIG.toml
mkdir -p env/share/hewn
ln -s ../../../configs env/share/hewn/configs
mkdir solutions
for chapter in "$1"/docs/course/*/solution.cpp; do
  name=$(dirname "$chapter")
  cp "$chapter" "solutions/${name##*/}.cpp"
done

{
  printf 'Once upon a time, in year %d, a fox and a hare lived by the sea. The fox sang: "What is it?" They knew.\n' {1..99}
  for code in {32..126}; do printf "\\x$(printf %x "$code")"; done
  echo
} >book.txt
for name in FILE NOVEL other.txt NOVEL.txt anna.txt article.txt cal.txt crime.txt input.txt shakespeare.txt tinyshakespeare.txt \
  train.txt val.txt validation.txt war.txt; do
  cp book.txt $name
done
printf 'Once upon\nThe fox\n' >starts.txt
printf 'You have won a prize\nAre you coming home\n' >lines.txt

# Tables: labelled texts, instructions and answers, preferences, questions.
for i in {a..l}; do printf 'spam\tWin a prize %s\nham\tSee you at %s\n' "$i" "$i"; done >SMSSpamCollection.tsv
{ printf 'kind\tmessage\n' && cat SMSSpamCollection.tsv; } >spam.tsv
{ printf 'label\ttext\n' && cat SMSSpamCollection.tsv; } | tee rt-polarity.tsv TABLE | tr '\t' , | tee train.csv spam.csv >test.csv
tr '\t' , <spam.tsv >messages.csv
list() { local rows=; for i in {1..6}; do rows+="${rows:+,}${1//N/$i}"; done; printf '[%s]\n' "$rows"; }
list '{"instruction": "Name N.", "input": "", "output": "It is N."}' | tee instructions.json >instruction-data.json
list '{"instruction": "Name N.", "input": "", "chosen": "It is N.", "rejected": "No N."}' >preferences.json
list '{"instruction": "Name N.", "input": "", "output": "It is N.", "response": "It is N."}' >responses.json
{ echo question,reply && for i in {1..6}; do echo "What is $i?,It is $i."; done; } >faq.csv
{ echo instruction,input,best,worst && for i in {1..6}; do echo "Name $i.,,It is $i.,No $i."; done; } >votes.csv
printf '{"input": "%s", "output": "%s"}\n' France Paris Japan Tokyo | tee capitals.jsonl >english-french.jsonl
printf '{"query": "The fox", "choices": [" sang", " lived"], "gold": %d}\n' 0 1 0 1 0 1 0 1 >quiz.jsonl
printf '{"prompt": "The fox", "reference": "sang."}\n' >answers.jsonl

mkdir eval_bundle eval_bundle/eval_data
cp quiz.jsonl eval_bundle/eval_data
printf '%s\n' icl_tasks: '- label: quiz' '  dataset_uri: quiz.jsonl' '  num_fewshot: [0]' \
  '  icl_task_type: multiple_choice' >eval_bundle/core.yaml
echo 'localhost 4' >hosts

# Runs and models. Names that examples use for other runs stand for the same small one.
llama='--norm=rmsnorm --act=swiglu --pos=rope --tie=false --bias=false'
hewn train -q --tokenizer=bpe --vocab_size=300 $llama --out_dir=out
hewn train -q --tokenizer=bpe --vocab_size=300 --out_dir=book
for name in RUN novels gpt2-run; do ln -s book $name; done
ln -s ../book out/OTHER
hewn finetune classify -q --data=spam.tsv --text=message --label=kind --init_from=book --out_dir=spam
hewn finetune instruct -q --data=instructions.json --init_from=book --out_dir=helper
hewn finetune prefer -q --data=preferences.json --init_from=helper --out_dir=better
hewn export book -q --format=hf --out=gpt2
cp "$1"/tests/files/tensorflow/{encoder.json,vocab.bpe} gpt2
hewn train -q --init_from=gpt2 --train=lora --out_dir=tuned
mkdir -p copies peft-dir .zfunc .config/fish/completions
ln -s ../gpt2 copies/gpt2
ln -s gpt2 gpt2-124M
cp tuned/checkpoints/last/adapter_* peft-dir
hewn export book -q --format=gguf --out=model.gguf
hewn quantize book -q --format=q8_0 --out=small.gguf >/dev/null
hewn train -q --tokenizer=tok512.bin $llama --out_dir=stories
hewn export stories -q --format=llama2c --out=stories260K.bin
rm -r stories
cp "$1/tests/files/torch/ckpt.pt" .
hewn data prepare book.txt -q --out_dir=data
ln -s data book-data
hewn sweep -q --grid=n_head=1,2 --out_dir=sweep >/dev/null
