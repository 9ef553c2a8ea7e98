"""Homework that grades itself: a task for each learner, an answer, a check that computes the numbers again."""
