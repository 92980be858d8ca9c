#pragma once
// Everything a program that trains or runs a model with Hewn needs.

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/model.h"
#include "model/weights/weights.h"
#include "train/checkpoint/checkpoint.h"
#include "train/data/data.h"
#include "train/eval.h"
#include "train/trainer.h"
