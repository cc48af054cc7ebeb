"""OpenCV without Intel's IPP, which computes otherwise on each maker's processors: all modules take it from here."""

import cv2

cv2.ipp.setUseIPP(False)

__all__ = ["cv2"]
