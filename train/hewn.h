#pragma once
// Includes everything that a program needs to train or run a model with Hewn.

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/model.h"
#include "model/weights/weights.h"
#include "train/checkpoint/checkpoint.h"
#include "train/data/data.h"
#include "train/eval.h"
#include "train/step/trainer.h"
