"""Services built from atoms. In each: `models.py` what it speaks of, `service.py` what it does, `router.py` its REST calls."""
